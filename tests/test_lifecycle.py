"""Statuses move by one table, atomically, and only for whoever carries the present epoch."""

import itertools
from datetime import timedelta
from functools import partial

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from releases.errors import IllegalTransition, Stale
from releases.models import Build, Rollout
from tests import factories

# As DESIGN.md tells the lifecycles, written out by hand: (from, to).
BUILD_MOVES = {
    ("queued", "running"),
    ("queued", "failed"),
    ("queued", "cancelled"),
    ("queued", "superseded"),
    ("running", "succeeded"),
    ("running", "failed"),
    ("running", "cancelled"),
}
ROLLOUT_MOVES = {
    ("queued", "releasing"),
    ("queued", "rolling"),  # no release command: it is skipped
    ("queued", "failed"),
    ("queued", "cancelled"),
    ("queued", "superseded"),
    ("releasing", "rolling"),
    ("releasing", "failed"),
    ("releasing", "cancelled"),
    ("releasing", "superseded"),
    ("rolling", "succeeded"),
    ("rolling", "rolling_back"),
    ("rolling", "paused"),
    ("rolling", "superseded"),
    ("paused", "rolling"),
    ("paused", "rolling_back"),
    ("paused", "superseded"),
    ("rolling_back", "rolled_back"),
    ("rolling_back", "failed"),
}
BUILD_STATUSES = ["queued", "running", "succeeded", "failed", "cancelled", "superseded"]
ROLLOUT_STATUSES = [
    "queued",
    "releasing",
    "rolling",
    "paused",
    "rolling_back",
    "succeeded",
    "rolled_back",
    "failed",
    "cancelled",
    "superseded",
]


def made(app, kind, status):
    if kind is Build:
        return factories.build(app, status=status)
    return factories.rollout(factories.release(app), status=status)


def pairs(kind, statuses, legal):
    for here, there in itertools.product(statuses, repeat=2):
        yield pytest.param(kind, here, there, (here, there) in legal, id=f"{kind.__name__}-{here}-{there}")


EVERY_MOVE = [*pairs(Build, BUILD_STATUSES, BUILD_MOVES), *pairs(Rollout, ROLLOUT_STATUSES, ROLLOUT_MOVES)]


def test_the_table_knows_exactly_these_statuses():
    assert sorted(Build.MOVES) == sorted(BUILD_STATUSES)
    assert sorted(Rollout.MOVES) == sorted(ROLLOUT_STATUSES)


@pytest.mark.parametrize(("kind", "here", "there", "legal"), EVERY_MOVE)
def test_every_move_is_legal_or_refused_without_a_trace(app, kind, here, there, legal):
    row = made(app, kind, here)
    if legal:
        row.transition(there, reason="so it is")
        row.refresh_from_db()
        assert (row.status, row.reason) == (there, "so it is")
    else:
        with pytest.raises(IllegalTransition):
            row.transition(there, reason="never")
        assert row.status == here
        row.refresh_from_db()
        assert (row.status, row.reason) == (here, "")


def test_an_end_knows_its_time_and_a_step_does_not(app):
    build = made(app, Build, "queued")
    build.transition("running")
    assert build.finished_at is None and not build.is_finished
    build.transition("failed")
    build.refresh_from_db()
    assert build.is_finished and timezone.now() - build.finished_at < timedelta(seconds=10)


@pytest.mark.django_db(transaction=True)
def test_of_two_writers_in_the_same_instant_one_moves_it(together):
    app = factories.app()
    for _ in range(10):
        build = factories.build(app, status="running")
        one, other = Build.objects.get(pk=build.pk), Build.objects.get(pk=build.pk)
        results = together(partial(one.transition, "succeeded"), partial(other.transition, "cancelled"))
        assert [type(result) for result in results].count(IllegalTransition) == 1
        winner = "succeeded" if results[0] is None else "cancelled"
        build.refresh_from_db()
        assert build.status == winner


def test_who_looks_at_an_old_copy_moves_nothing(app):
    build = made(app, Build, "queued")
    old = Build.objects.get(pk=build.pk)
    build.transition("cancelled")
    with pytest.raises(IllegalTransition, match="already moved on"):
        old.transition("running")
    assert old.status == "queued"


# --- Taking, renewing, writing --------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_one_epoch_is_taken_once_however_many_ask(together):
    build = factories.build(factories.app(), status="queued")
    results = together(*[lambda: Build.take(build.pk, 1)] * 4)
    taken = [result for result in results if isinstance(result, Build)]
    assert len(taken) == 1 and results.count(None) == 3
    assert taken[0].taken and taken[0].heartbeat is not None


@pytest.mark.parametrize("kind", [Build, Rollout])
def test_a_job_of_an_earlier_or_a_later_epoch_just_returns(app, kind):
    row = made(app, kind, "queued")
    assert row.renew()
    assert kind.take(row.pk, 1) is None
    assert kind.take(row.pk, 3) is None
    assert kind.take(row.pk, 2) is not None


@pytest.mark.parametrize("kind", [Build, Rollout])
def test_what_is_over_or_gone_is_not_taken_and_not_renewed(app, kind):
    row = made(app, kind, "failed")
    assert kind.take(row.pk, row.epoch) is None
    assert not row.renew()
    assert kind.take("BAAAAAAAAAA" if kind is Build else 10**9, 1) is None


def test_whoever_was_taken_over_from_writes_nothing_more(app):
    rollout = made(app, Rollout, "rolling")
    dead = Rollout.take(rollout.pk, 1)
    assert rollout.renew()
    for harm in (
        lambda: dead.write(progress={"made": "up"}),
        dead.beat,
        lambda: dead.write(status="succeeded"),
    ):
        with pytest.raises(Stale):
            harm()
    with pytest.raises(IllegalTransition):
        dead.transition("succeeded")
    assert dead.renew() is False
    fresh = Rollout.objects.get(pk=rollout.pk)
    assert (fresh.status, fresh.progress, fresh.epoch, fresh.taken) == ("rolling", {}, 2, False)


@pytest.mark.django_db(transaction=True)
def test_of_two_reapers_one_raises_the_epoch(together):
    rollout = factories.rollout(factories.release(factories.app()), status="rolling")
    copies = [Rollout.objects.get(pk=rollout.pk) for _ in range(3)]
    assert sorted(together(*[copy.renew for copy in copies])) == [False, False, True]
    rollout.refresh_from_db()
    assert rollout.epoch == 2


def test_renewing_begins_a_new_count_of_patience(app):
    rollout = made(app, Rollout, "rolling")
    rollout.write(heartbeat=timezone.now() - timedelta(hours=1))
    assert rollout.renew()
    rollout.refresh_from_db()
    assert timezone.now() - rollout.heartbeat < timedelta(seconds=10)


# --- One unfinished rollout per app ---------------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["queued", "releasing", "rolling", "paused", "rolling_back"])
def test_the_database_itself_refuses_a_second_unfinished_rollout(app, first):
    release = factories.release(app)
    factories.rollout(release, status=first)
    with pytest.raises(IntegrityError), transaction.atomic():
        factories.rollout(release, status="queued")
    factories.rollout(release, status="failed")
    assert app.rollouts.count() == 2


def test_another_app_has_a_rollout_of_its_own(app):
    factories.rollout(factories.release(app), status="rolling")
    factories.rollout(factories.release(factories.app()), status="rolling")


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        ("queued", "Pending"),
        ("releasing", "Pending"),
        ("rolling", "Updating"),
        ("paused", "Updating"),
        ("rolling_back", "Rollback"),
        ("succeeded", "Stopped"),  # nothing became active: the row was only put there
        ("failed", "Stopped"),
    ],
)
def test_the_status_of_an_app_speaks_the_words_of_the_log(app, status, shown):
    assert app.status == "Stopped"
    factories.rollout(factories.release(app), status=status)
    assert app.status == shown


def test_an_app_with_an_active_release_runs(app):
    factories.active(app)
    assert app.status == "Running"
