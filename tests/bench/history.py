"""A long history of an app, copied straight into the database from the first release that it had.

Runs beside the server, in `manage.py shell`.
"""

import string
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.db import connection, models, transaction

from releases.models import App, Build, Release, Rollout

# Every so many releases there is a new build: the others are changes of variables.
RELEASES_OF_A_BUILD = 5
FAILED_EVERY = 10
# So many in one transaction: the server's own small writes get their turn between two.
BATCH = 2_000
Row = dict[str, Any]


def write(name: str, count: int) -> None:
    """So many releases before the only one that app `name` has, each with its rollout, a minute apart."""
    app = App.objects.get(name=name)
    rollout, release = app.rollouts.get(), app.releases.get()
    Rollout.objects.filter(pk=rollout.pk).update(number=count + 1)
    App.objects.filter(pk=app.pk).update(rollouts_made=count + 1)
    pattern = {model: row_of(model, row.pk) for model, row in [(Build, release.build), (Release, release)]}
    pattern[Rollout] = row_of(Rollout, rollout.pk)
    for first in range(0, count, BATCH):
        numbers = range(first, min(first + BATCH, count))
        with transaction.atomic():
            for model in (Build, Release, Rollout):
                insert(model, [_aged(row, release, count) for row in _rows(model, pattern[model], numbers)])
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _rows(model: type[models.Model], pattern: Row, numbers: range) -> Iterator[Row]:
    """Copies of `pattern`, each with `age`: its place in the history, the oldest 0."""
    for number in numbers:
        build, release = name_of("B", number // RELEASES_OF_A_BUILD), name_of("R", number)
        status = "succeeded" if (number + 1) % FAILED_EVERY else "failed"
        if model is Build and number % RELEASES_OF_A_BUILD == 0:
            yield pattern | {"id": build, "images_removed_at": pattern["finished_at"], "age": number}
        elif model is Release:
            yield pattern | {"id": release, "build_id": build, "outcome": status, "age": number}
        elif model is Rollout:
            without_key = {column: value for column, value in pattern.items() if column != "id"}
            yield without_key | {"release_id": release, "number": number + 1, "status": status, "age": number}


def _aged(row: Row, newest: Release, count: int) -> Row:
    moment = newest.created_at - timedelta(minutes=count - row.pop("age"))
    return row | {"created_at": connection.ops.adapt_datetimefield_value(moment)}


def row_of(model: type[models.Model], key: Any) -> Row:
    """As it is stored: nothing is decrypted, and whatever columns there are come along."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {quoted(model._meta.db_table)} WHERE id = %s", [key])
        return dict(zip([column[0] for column in cursor.description], cursor.fetchone(), strict=True))


def insert(model: type[models.Model], rows: list[Row]) -> None:
    if not rows:
        return
    table, names = quoted(model._meta.db_table), ", ".join(map(quoted, rows[0]))
    places = ", ".join(["%s"] * len(rows[0]))
    with connection.cursor() as cursor:
        statement = f"INSERT INTO {table} ({names}) VALUES ({places})"
        cursor.executemany(statement, [list(row.values()) for row in rows])


def quoted(name: str) -> str:
    return connection.ops.quote_name(name)


def name_of(letter: str, number: int) -> str:
    """The ID of this number."""
    letters = ""
    for _ in range(10):
        number, digit = divmod(number, 26)
        letters = string.ascii_uppercase[digit] + letters
    return letter + letters
