"""Many apps with long histories, copied straight into the database from one app that has had one rollout.

Runs beside the server, in `manage.py shell`. What people do is mixed as in life: some rollouts go wrong, some have a
note, some come from pushes.
"""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from releases.models import App, AuditEntry, Build, Person, Release, Rollout
from tests.bench.history import BATCH, RELEASES_OF_A_BUILD, Row, insert, name_of, row_of

PEOPLE = 20
DAYS = 700
OUTCOMES = ["succeeded"] * 17 + ["rolled_back", "failed", "cancelled"]
REASONS = {"rolled_back": "web exited with 1 after 2 s, twice.", "failed": "The release command exited with 1."}


def write(name: str, *, apps: int, releases: int, biggest: int, entries: int) -> None:
    """So many apps in all, and releases; app `name` has `biggest` of these. Each release has a rollout and at least one
    entry of the audit; `entries` in all."""
    crowd = Crowd(name, apps=apps, releases=releases, biggest=biggest)
    for first in range(0, releases, BATCH):
        with transaction.atomic():
            crowd.write(range(first, min(first + BATCH, releases)))
    crowd.settle()
    for first in range(releases, entries, BATCH):
        with transaction.atomic():
            insert(AuditEntry, [crowd.looked(number) for number in range(first, min(first + BATCH, entries))])
    if connection.vendor == "postgresql":  # which does that by itself, after a while
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")


class Crowd:
    def __init__(self, name: str, *, apps: int, releases: int, biggest: int) -> None:
        app = App.objects.get(name=name)
        rollout = app.rollouts.get()
        self.releases, self.every = releases, releases // biggest
        self.build, self.release = row_of(Build, rollout.release.build_id), row_of(Release, rollout.release_id)
        self.rollout = {column: value for column, value in row_of(Rollout, rollout.pk).items() if column != "id"}
        self.entry = {"app_name": "", "subject": "", "kind": "promotes", "action": "promote"}
        self.step = timedelta(days=DAYS) / releases
        self.end = rollout.created_at - timedelta(minutes=10)
        self.people = [_person(number) for number in range(PEOPLE)]
        pattern = {column: value for column, value in row_of(App, app.pk).items() if column != "id"}
        others = [f"{name}-{number}" for number in range(apps - 1)]
        begun = timezone.now() - timedelta(days=DAYS + 1)
        # `judged`: their ends have been looked at, as they are in life while they happen.
        App.objects.filter(pk=app.pk).update(created_at=begun, judged=releases)
        pattern |= {"active_release_id": None, "created_at": _stored(begun), "judged": releases}
        insert(App, [pattern | {"name": other} for other in others])
        self.apps = [app, *App.objects.filter(name__in=others).only("pk", "name")]
        self.numbers = [0] * apps
        self.newest = [""] * apps
        # The one that is real comes last of its app.
        Rollout.objects.filter(pk=rollout.pk).update(number=releases)
        App.objects.filter(pk=app.pk).update(rollouts_made=releases)

    def write(self, numbers: range) -> None:
        made = list(self._made(numbers))
        insert(Build, [build for build, *_ in made if build])
        for model, place in ((Release, 1), (Rollout, 2), (AuditEntry, 3)):
            insert(model, [rows[place] for rows in made])

    def settle(self) -> None:
        """Each app's active release is its newest that succeeded."""
        for which in range(1, len(self.apps)):
            App.objects.filter(pk=self.apps[which].pk).update(
                active_release=self.newest[which], rollouts_made=self.numbers[which]
            )

    def looked(self, number: int) -> Row:
        """An entry of no release."""
        app = self.apps[number % len(self.apps)]
        done = {"kind": "variables", "action": "reveal_env", "app_name": app.name, "detail": "{}"}
        moment = self.end - timedelta(days=DAYS) * ((number * 7919) % self.releases / self.releases)
        return self.entry | done | self._author(number // 3) | {"at": _stored(moment)}

    def _made(self, numbers: range) -> Iterator[tuple[Row | None, Row, Row, Row]]:
        for number in numbers:
            which = 0 if number % self.every == 0 else 1 + number % (len(self.apps) - 1)
            yield self._one(number, which)

    def _one(self, number: int, which: int) -> tuple[Row | None, Row, Row, Row]:
        app, made = self.apps[which], self.numbers[which]
        self.numbers[which] += 1
        # Builds are of one app: the first release of five brings one.
        build_id = name_of("B", which * self.releases + made // RELEASES_OF_A_BUILD)
        release_id, outcome = name_of("R", number), OUTCOMES[number * 7 % len(OUTCOMES)]
        moment = self.end - self.step * (self.releases - number)
        of = {"app_id": app.pk, **self._author(number), "created_at": _stored(moment)}
        commit = f"{number:08x}" * 5
        subject = f"Change {number} of the checkout, and its price list"
        # Else the server would begin to clean up after all of them at once.
        cleaned = dict.fromkeys(("images_removed_at", "log_removed_at"), _stored(moment))
        build = self.build | of | cleaned | {"id": build_id, "commit": commit, "subject": subject}
        told = {"description": f"build {commit[:10]} {subject}", "outcome": outcome, "rolled_back_to_id": None}
        ended = _stored(moment + timedelta(seconds=30 + number % 90))
        tried = {"number": self.numbers[which], "status": outcome, "release_id": release_id, "finished_at": ended}
        words = {"reason": REASONS.get(outcome, ""), "note": f"ticket {number}" if number % 10 == 0 else ""}
        strategy = {"strategy": "immediate" if number % 20 == 0 else "rolling", "previous_id": None}
        done = {"app_name": app.name, "subject": release_id, "detail": json.dumps({"rollout": self.numbers[which]})}
        if outcome == "succeeded":
            self.newest[which] = release_id
        return (
            build if made % RELEASES_OF_A_BUILD == 0 else None,
            self.release | of | told | {"id": release_id, "build_id": build_id},
            self.rollout | of | tried | words | strategy,
            self.entry | done | self._author(number) | {"at": _stored(moment)},
        )

    def _author(self, number: int) -> Row:
        person = self.people[number % PEOPLE]
        if number % 3 == 0:
            return {"by_id": None, "by_label": f"push by {person.username}"}
        return {"by_id": person.pk, "by_label": person.username}


def _person(number: int) -> Person:
    return Person.objects.create_person(f"person-{number}", role=Person.DEPLOYER)


def _stored(moment: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(moment)
