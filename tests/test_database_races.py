"""Whatever people, pushes and workers do in the same instant: one order of events comes of it, on every database."""

import random
from functools import partial

import pytest
from django.db import transaction

from releases import actions, logs, policy
from releases.actions import Letter, next_release
from releases.errors import DeployerError, IllegalTransition, NotAllowed, Stale, WrongState
from releases.logs import Line
from releases.models import App, AuditEntry, Build, LogLine, Release, Rollout, Token
from releases.pipeline import deployer_yml
from releases.pipeline.build import Result
from tests import clusters, factories, github_payloads

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
ROUNDS = 6
RESULT = Result(manifest=deployer_yml.parse(factories.MANIFEST), images={"web": factories.IMAGE})
# What losing a race may look like. Anything else, a deadlock above all, is a fault.
LOST = (NotAllowed, WrongState, IllegalTransition, Stale)


@pytest.fixture
def by(db):
    return factories.actor("administrator")


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    process = clusters.started(tmp_path_factory.mktemp("cluster"))
    yield process
    process.stop()


def assert_lost_or(kind, results):
    for result in results:
        assert isinstance(result, (*LOST, kind)), repr(result)
    return [result for result in results if isinstance(result, kind)]


def the_log_is_whole(owner):
    numbers = [line.number for line in logs.after(owner, 0, limit=100_000)]
    assert numbers == list(range(1, len(numbers) + 1))


def test_promotes_and_rollbacks_while_the_worker_moves_on(together, by):
    """The worker ends what runs while three people want something else: numbers have no gap, one is unfinished."""
    for _ in range(ROUNDS):
        app = factories.app()
        old = factories.active(app)
        running = factories.rollout(factories.release(app), status="rolling")
        mine = Rollout.take(running.pk, 1)
        assert mine is not None

        def succeed(mine=mine):
            with transaction.atomic():
                logs.append(mine, [Line("system/deployer", "at the end")])
                mine.write(hint="its row is written more than once")
                mine.transition("succeeded")
            return mine

        results = together(
            succeed,
            lambda app=app: actions.promote(factories.release(app), by=by),
            lambda old=old: actions.rollback(old, by=by, replace=True),
            lambda app=app: actions.promote(factories.release(app), by=by, replace=True),
        )
        assert_lost_or(Rollout, results)
        numbers = sorted(app.rollouts.values_list("number", flat=True))
        assert numbers == list(range(1, len(numbers) + 1))
        app.refresh_from_db()
        assert app.rollouts_made == numbers[-1]
        unfinished = app.rollouts.filter(status__in=Rollout.unfinished_statuses())
        assert unfinished.count() == 1
        running.refresh_from_db()
        assert running.status in ("succeeded", "superseded")
        assert AuditEntry.objects.filter(app_name=app.name).count() == len(numbers) - 2
        for rollout in app.rollouts.all():
            the_log_is_whole(rollout.owner)


def test_builds_that_end_together_leave_the_newest_to_be_promoted(together, by):
    """Three pushes, while a rollout runs: one is remembered, the others say why not, and it begins once."""
    for _ in range(ROUNDS):
        app = factories.app()
        factories.active(app)
        running = factories.rollout(factories.release(app), status="rolling")
        builds = [Build.objects.create(app=app, status="running", promote=True, **by.columns()) for _ in range(3)]
        releases = assert_lost_or(
            Release, together(*[lambda build=build: actions.finish_build(build, RESULT) for build in builds])
        )
        assert len(releases) == 3
        app.refresh_from_db()
        assert app.next_release is not None and app.next_release.build_id == builds[-1].pk
        for build in builds:
            build.refresh_from_db()
            the_log_is_whole(build.owner)
        assert [bool(build.refusals) for build in builds] == [True, True, False]
        the_log_is_whole(running.owner)
        Rollout.objects.filter(pk=running.pk).update(status="succeeded")
        begun = together(*[lambda pk=app.pk: actions.start_next(pk)] * 3)
        assert sorted(map(type, begun), key=str) == sorted([Rollout, type(None), type(None)], key=str), begun
        app.refresh_from_db()
        assert app.next_release is None


def test_what_is_made_with_a_token_while_that_is_revoked_is_revoked_too(together, by):
    for _ in range(ROUNDS):
        stolen, _ = Token.issue(by.person, name="stolen")
        copy, _ = Token.issue(by.person, name="copy", made_with=stolen)
        results = together(
            lambda copy=copy: actions.create_token(by=policy.actor_with(copy), name="one more"),
            lambda stolen=stolen: actions.revoke_token(stolen, by=by),
            lambda copy=copy: actions.create_token(by=policy.actor_with(copy), name="one more"),
        )
        assert all(isinstance(result, (tuple, NotAllowed, type(None))) for result in results), results
        assert not Token.good().exists()


def test_a_promote_beside_what_is_remembered(together, by):
    """The rollout ends: a person promotes while what was remembered begins. One of them is refused or dropped."""
    for _ in range(ROUNDS):
        app = factories.app()
        factories.active(app)
        running = factories.rollout(factories.release(app), status="rolling")
        assert next_release.promote_when_free(factories.release(app), by=by) is None
        chosen = factories.release(app)
        Rollout.objects.filter(pk=running.pk).update(status="succeeded")
        results = together(
            lambda pk=app.pk: actions.start_next(pk), lambda chosen=chosen: actions.promote(chosen, by=by)
        )
        assert [result for result in results if isinstance(result, Rollout)], results
        assert all(isinstance(result, (Rollout, NotAllowed, type(None))) for result in results), results
        assert app.rollouts.filter(status="queued").count() == 1


def test_an_abort_beside_the_end(together, by):
    """Either it was over, or it is asked to stop: never both forgotten."""
    for _ in range(ROUNDS):
        app = factories.app()
        rollout = factories.rollout(factories.release(app), status="queued")
        mine = Rollout.take(rollout.pk, 1)

        def begin(mine=mine):
            mine.transition("rolling")
            logs.append(mine, [Line("system/deployer", "begun")])
            return mine

        results = together(begin, lambda rollout=rollout: actions.abort(rollout, by=by))
        assert all(result is None or isinstance(result, (Rollout, *LOST)) for result in results), results
        rollout.refresh_from_db()
        assert rollout.status == "cancelled" or rollout.abort_requested_at is not None
        the_log_is_whole(rollout.owner)


def test_an_app_is_deleted_while_people_and_workers_go_on(together, by, running, settings):
    settings.DEPLOYER_KUBECONFIG = str(running.kubeconfig)
    for _ in range(ROUNDS):
        app = factories.app()
        old = factories.active(app)
        factories.active(app)
        building = factories.build(app, status="running")
        owners = [building.owner, *(rollout.owner for rollout in app.rollouts.all())]
        copy = Build.objects.get(pk=building.pk)

        def write(copy=copy):
            for number in range(20):
                logs.append(copy, [Line("build", str(number))])

        results = together(
            lambda app=app: actions.delete_app(app, by=by),
            write,
            lambda building=building: actions.finish_build(building, RESULT),
            lambda app=app, old=old: actions.promote(old, by=by),
            lambda app=app: actions.set_env(app, by=by, set={"A": "1"}, unset=[]),
        )
        expected = (DeployerError, App.DoesNotExist, Build.DoesNotExist)
        faults = [result for result in results if isinstance(result, Exception) and not isinstance(result, expected)]
        assert not faults, faults
        if not App.objects.filter(pk=app.pk).exists():
            owners += [f"rollout-{result.pk}" for result in results if isinstance(result, Rollout)]
            assert not LogLine.objects.filter(owner__in=owners).exists(), "lines of nobody are left"


def test_many_writers_of_many_logs_with_epochs_that_change(together):
    """Two workers for each of three rollouts; the second takes each over at some moment: no gap, no double, no mix."""
    rollouts = [factories.rollout(factories.release(factories.app()), status="rolling") for _ in range(3)]

    def write(rollout, name):
        try:
            for number in range(30):
                logs.append(rollout, [Line("build", f"{name} {number}", source_key=f"{number}")])
                rollout.beat()
        except Stale:
            return "stale"
        return "done"

    def take_over(pk):
        mine = Rollout.objects.get(pk=pk)
        for _ in range(random.randrange(20)):
            mine.refresh_from_db(fields=["last_line"])
        assert mine.renew()
        return write(mine, "second")

    writers = [lambda r=r: write(r, "first") for r in rollouts]
    writers += [lambda r=r: take_over(r.pk) for r in rollouts]
    results = together(*writers)
    assert results[3:] == ["done"] * 3, results
    for rollout in rollouts:
        the_log_is_whole(rollout.owner)
        messages = [line.message for line in logs.after(rollout.owner, 0)]
        assert sorted(int(text.split()[1]) for text in messages) == list(range(30))  # each number told once
        firsts = [text.startswith("first") for text in messages]
        assert firsts == sorted(firsts, reverse=True), "who was taken over from wrote behind its successor"


def test_a_reader_beside_writers_never_sees_a_gap(together):
    """Who follows by number misses nothing: a number is seen only when all below it are."""
    build = factories.build(factories.app(), status="running")
    owner, wanted = build.owner, 4 * 25 * 3

    def write():
        mine = Build.objects.get(pk=build.pk)
        for batch in range(25):
            logs.append(mine, [Line("build", f"{batch} {place}") for place in range(3)])

    def read():
        seen: list[int] = []
        while len(seen) < wanted:
            seen += [line.number for line in logs.after(owner, seen[-1] if seen else 0)]
        return seen

    *_, first, second = together(*[write] * 4, read, read)
    assert first == second == list(range(1, wanted + 1))


def test_names_are_taken_once(together, by):
    factories.cluster()
    for number in range(ROUNDS):
        results = together(*[lambda name=f"twin-{number}": actions.create_app(name, by=by)] * 3)
        assert [type(result).__name__ for result in results].count("App") == 1, results
        assert [type(result).__name__ for result in results].count("Taken") == 2, results


def test_deliveries_that_come_again_while_they_are_handled(together, by):
    """GitHub's order is not ours, and what is handled is written in yet another one."""
    for turn in range(ROUNDS):
        app = factories.app()
        actions.set_source(app, by=factories.actor("administrator"), url="https://github.com/ada/engine.git")
        secret = app.source.webhook_secret.open()
        # By its name the first is the last.
        letters = [_letter(app.name, secret, f"{turn}-{100 - number}", number) for number in range(20)]
        for letter in letters:
            assert actions.receive_deliveries([letter]) == [app.pk]
        again = [partial(actions.receive_deliveries, letters)] * 3
        results = together(lambda pk=app.pk: actions.handle_deliveries(pk), actions.sweep_deliveries, *again)
        assert results == [None, None, *[[app.pk] * len(letters)] * 3]
        actions.handle_deliveries(app.pk)
        assert set(app.deliveries.values_list("status", "times")) == {("handled", 4)}
        assert app.builds.get().commit == f"{len(letters):040x}"


def _letter(app_name, secret, guid, number):
    payload = github_payloads.push(f"{number + 1:040x}", before=f"{number:040x}")
    body, headers = github_payloads.delivery(secret, "push", payload, guid=guid)
    return Letter(app_name, "push", guid, body, headers["X-Hub-Signature-256"])
