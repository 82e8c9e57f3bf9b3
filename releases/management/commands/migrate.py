"""`manage.py migrate`: Django's, which makes the tables of an empty database at once.

To play their whole history, in which SQLite copies tables dozens of times, would take a first start seconds.
"""

from typing import Any

from django.apps import apps
from django.core.management.commands import migrate
from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Model

# With one of these somebody means migrations, one by one.
SINGLE = ("app_label", "check_unapplied", "fake", "fake_initial", "plan", "prune")


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        if not any(options[name] for name in SINGLE) and is_empty(connection):
            make_tables(connection)
            if options["verbosity"] >= 1:
                self.stdout.write(self.style.SUCCESS("All tables are made."))
        super().handle(*args, **options)


def is_empty(connection: BaseDatabaseWrapper) -> bool:
    """Whether none of our tables is there. Others may have theirs."""
    ours = {model._meta.db_table for model in apps.get_models(include_auto_created=True)}
    ours.add(MigrationRecorder.Migration._meta.db_table)
    return ours.isdisjoint(connection.introspection.table_names())


def make_tables(connection: BaseDatabaseWrapper) -> None:
    """As all migrations would leave them, which are noted as done: all of it, or in the end nothing."""
    loader, noted = MigrationLoader(connection), MigrationRecorder.Migration
    done = [noted(app=app, name=name) for app, name in loader.disk_migrations]
    models: list[type[Model]] = [noted, *loader.project_state().apps.get_models()]
    with connection.schema_editor(atomic=True) as editor:
        for model in models:
            if _has_table(model, connection):
                editor.create_model(model)
        noted.objects.using(connection.alias).bulk_create(done)


def _has_table(model: type[Model], connection: BaseDatabaseWrapper) -> bool:
    return model._meta.can_migrate(connection) and router.allow_migrate_model(connection.alias, model)
