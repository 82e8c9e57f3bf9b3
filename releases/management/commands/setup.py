"""`manage.py setup`: what `make up` needs before the web server starts. Does nothing twice."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.core.management import CommandError, call_command
from django.core.management.base import BaseCommand
from django.db import InterfaceError, OperationalError, connection

from deployer import login_file, static_files
from releases import actions
from releases.models import Cluster, Person, Token

ADMINISTRATOR = "admin"
SETUP_LOCK = 1_146_441_039  # any number that no other program of the same database takes


class Command(BaseCommand):
    help = "Migrates the database, makes the first administrator, makes the cluster known, leaves a login."
    # Those look at the code, all of which they import; `make check` runs them.
    requires_system_checks = []

    def handle(self, *args: object, **options: object) -> None:
        static_files.collect()
        try:
            with alone():
                call_command("migrate", interactive=False, verbosity=0)
                person, cluster = first_administrator(), actions.first_cluster()
        except (OperationalError, InterfaceError) as error:
            raise CommandError(f"The database can't be used: {' '.join(str(error).split())}") from error
        if person.last_login is None and not person.has_usable_password():
            self.stdout.write(f"Sign in once with    {person.sign_in_link()}")
        if cluster:
            self.stdout.write(f"Cluster              {cluster.name} ({cluster.get_kind_display().lower()})")
        elif not Cluster.objects.exists():
            self.stdout.write("Cluster              none yet: add one with    deployer clusters add")
        try:
            path = leave_login(person)
        except login_file.LoginFileError as error:
            raise CommandError(f"No login could be left for the deployer command. {error}") from error
        self.stdout.write(f"Command              .venv/bin/deployer apps    (its login is in {path})")


@contextmanager
def alone() -> Iterator[None]:
    """Of several that are started at once on a PostgreSQL, one migrates, while the others wait for it.

    In a transaction of a connection of its own: behind a PgBouncer no other lock is sure to be given back.
    """
    if connection.vendor != "postgresql":
        yield
        return
    own = connection.copy()
    try:
        with own.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SET LOCAL lock_timeout = 0")
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [SETUP_LOCK])
        yield
    finally:
        own.close()


def first_administrator() -> Person:
    """The administrator who has been here longest; made if there is none."""
    person = Person.objects.filter(role=Person.ADMINISTRATOR, is_active=True).order_by("pk").first()
    if person:
        return person
    taken = set(Person.objects.values_list("username", flat=True))
    names = [ADMINISTRATOR, *(f"{ADMINISTRATOR}{number}" for number in range(2, len(taken) + 3))]
    return Person.objects.create_person(next(name for name in names if name not in taken), role=Person.ADMINISTRATOR)


def leave_login(person: Person) -> str:
    """Makes sure that the command finds a token that works here, and gives the file it is in. Raises LoginFileError."""
    url = settings.DEPLOYER_URL
    logins = login_file.read()
    known = logins.find(url)
    if known is None or Token.find(known.token) is None:
        _, secret = Token.issue(person, name="make up")
        login_file.remember(url, secret)
    elif logins.current != login_file.plain_url(url):
        login_file.remember(url, known.token)
    return str(login_file.default_path())
