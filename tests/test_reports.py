"""Back to GitHub: commit statuses of builds, Deployments of rollouts; once, in order, and the newest wins."""

import os
import secrets
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.fernet import Fernet
from django.db import connection, connections
from django.utils import timezone

from releases.models import Build, Rollout, Source
from releases.pipeline import reports
from releases.pipeline.reports import untold, words
from releases.pipeline.reports.telling import tell
from tests import databases, factories
from tests.github_stand_in import app_key, standing_in
from tests.web_server import ROOT, wait_until

pytestmark = pytest.mark.django_db
COMMIT, LATER = "0a1b2c3d4e" * 4, "f00dfeed12" * 4
SERVER = "https://deployer.example.com"


@pytest.fixture(scope="module")
def key():
    return app_key()


@pytest.fixture
def hub(key, settings):
    with standing_in(public_key=key[1]) as stand_in:
        settings.GITHUB_API_URL = stand_in.url
        settings.DEPLOYER_URL = SERVER
        yield stand_in
        assert stand_in.faults == []


@pytest.fixture
def source(app, hub):
    app.name = "hello"
    app.save()
    return connect(app, hub, token="ghp_personal")


def connect(app, hub, **columns):
    url = f"{hub.url}/{hub.name}.git"
    return Source.objects.create(app=app, url=url, webhook_secret="s", by_label="ada", **columns)


def build(source, status="queued", commit=COMMIT, **columns):
    given = {"repository": source.url, "origin": "push", "commit": commit, **columns}
    return factories.build(source.app, status=status, **given)


def release(source, **columns):
    return factories.release(source.app, build=build(source, "succeeded", told="succeeded", **columns))


def round_of_telling():
    """What the reaper begins; here without its threads."""
    untold.settle_beginnings()
    for source_id in untold.sources(timezone.now()):
        tell(source_id)


def told(hub):
    """(path behind the repository, state, description) of what was sent."""
    sent = [(path.removeprefix(f"/repos/{hub.name}"), body) for path, body in hub.sent("POST")]
    return [(path, body.get("state"), body.get("description")) for path, body in sent if "access_tokens" not in path]


# What is said


def test_a_build_is_a_status_of_its_commit(app, settings):
    settings.DEPLOYER_URL = SERVER
    app.name = "hello"
    made = Build(pk="BABCDEFGHIJ", app=app, status="failed", commit=COMMIT, reason="RUN false ended with 1.")
    assert words.of_build(made) == {
        "state": "failure",
        "context": "deployer/hello",
        "description": "RUN false ended with 1.",
        "target_url": f"{SERVER}/apps/hello/builds/BABCDEFGHIJ",
    }


def test_what_a_commit_is_not_to_blame_for_is_no_failure_of_it(app):
    assert words.of_build(Build(app=app, status="failed", faultless=True))["state"] == "error"


def test_a_rollout_is_a_deployment_of_its_commit(app, settings):
    settings.DEPLOYER_URL = SERVER
    app.name = "hello"
    app.save()
    made = factories.release(app, build=factories.build(app, commit=COMMIT))
    rollout = factories.rollout(made, status="succeeded", number=3)
    assert words.deployment(rollout) == {
        "ref": COMMIT,
        "task": "deploy",
        "auto_merge": False,
        "required_contexts": [],
        "environment": "hello",
        "description": f"Promote {made.pk}, by system",
        "payload": {"deployer": "local", "app": "hello", "rollout": 3, "release": made.pk},
        "production_environment": False,
    }
    assert words.of_rollout(rollout, ["http://hello.localhost:8001", "https://hello.example.com"]) == {
        "state": "success",
        "description": "Active on every process.",
        "log_url": f"{SERVER}/apps/hello/rollouts/3",
        "environment_url": "http://hello.localhost:8001",
        "auto_inactive": True,
    }


def test_every_status_has_words():
    assert words.BUILD_STATES.keys() == Build.MOVES.keys()
    assert words.ROLLOUT_STATES.keys() == Rollout.MOVES.keys()


def test_installations_with_names_keep_apart(app, settings):
    settings.DEPLOYER_INSTALLATION = "acme-production"
    app.name = "hello"
    assert words.of_build(Build(app=app, status="queued"))["context"] == "deployer/acme-production/hello"


# What is sent


def test_a_build_is_told_step_by_step_and_nothing_twice(source, hub):
    made = build(source)
    for status in ("running", "succeeded"):
        round_of_telling()
        round_of_telling()
        made.transition(status, **({"reason": "Release R1."} if status == "succeeded" else {}))
    round_of_telling()
    round_of_telling()
    path = f"/statuses/{COMMIT}"
    assert told(hub) == [
        (path, "pending", "Waits in the queue."),
        (path, "pending", "Building."),
        (path, "success", "Release R1."),
    ]


def test_what_moved_on_is_told_as_it_is_now(source, hub):
    made = build(source)
    round_of_telling()
    made.transition("running")
    made.transition("failed", reason="The manifest is wrong.")
    round_of_telling()
    assert [state for _, state, _ in told(hub)] == ["pending", "failure"]


def test_of_two_builds_of_one_commit_the_newer_one_speaks(source, hub):
    older, newer = build(source, "running"), build(source, "succeeded")
    round_of_telling()
    older.transition("failed", reason="It was the network.")
    round_of_telling()
    assert [state for _, state, _ in told(hub)] == ["success"]
    newer.refresh_from_db()
    assert newer.told == "succeeded"


def test_a_rollout_and_the_way_back_are_deployments(source, hub):
    first = factories.rollout(release(source), status="queued")
    round_of_telling()
    first.transition("rolling")
    round_of_telling()
    first.transition("succeeded")
    second = factories.rollout(release(source, commit=LATER), status="rolling")
    round_of_telling()
    second.transition("rolling_back", reason="web never became ready.")
    second.transition("rolled_back")
    back = factories.rollout(
        factories.release(source.app, build=first.release.build, rolled_back_to=first.release),
        status="succeeded",
        kind=Rollout.ROLLBACK,
    )
    round_of_telling()
    assert [(made["sha"], made["environment"]) for made in hub.deployments] == [
        (COMMIT, "hello"),
        (LATER, "hello"),
        (COMMIT, "hello"),
    ]
    assert hub.deployments[2]["description"].startswith(f"Roll back to {first.release_id}")
    states = {number: [each["state"] for each in said] for number, said in hub.deployment_statuses.items()}
    assert states == {1: ["queued", "in_progress", "success"], 2: ["in_progress", "failure"], 3: ["success"]}
    assert hub.deployment_statuses[2][-1]["description"] == "Rolled back: web never became ready."
    assert hub.deployment_statuses[3][0]["log_url"] == f"{SERVER}/apps/hello/rollouts/{back.number}"


def test_uploads_and_builds_of_another_repository_are_no_news_for_it(source, hub):
    build(source, repository="")
    build(source, repository="https://elsewhere.example/x.git")
    build(source, commit="", ref="main")
    factories.rollout(factories.release(source.app, build=build(source, "succeeded", repository="")), status="rolling")
    round_of_telling()
    assert hub.requests == []
    build(source, commit=LATER)
    round_of_telling()
    assert [path for path, *_ in told(hub)] == [f"/statuses/{LATER}"]


def test_without_credentials_nothing_is_told_nor_later_what_was_then(app, hub):
    source = connect(app, hub)
    made = build(source, "succeeded")
    Build.objects.filter(pk=made.pk).update(created_at=timezone.now() - timedelta(hours=1))
    round_of_telling()
    source.token = "ghp_personal"
    source.save(update_fields=["token"])
    round_of_telling()
    assert hub.requests == []
    build(source, commit=LATER)
    round_of_telling()
    assert told(hub) == [(f"/statuses/{LATER}", "pending", "Waits in the queue.")]


def test_a_github_app_tells_without_a_token_of_the_source(app, hub, key, settings):
    settings.GITHUB_APP_ID, settings.GITHUB_APP_PRIVATE_KEY = hub.app_id, key[0]
    source = connect(app, hub)
    build(source)
    round_of_telling()
    assert told(hub) == [(f"/statuses/{COMMIT}", "pending", "Waits in the queue.")]
    source.refresh_from_db()
    assert source.installation_id == hub.installation


def test_where_the_github_app_is_not_installed_that_is_said(app, hub, key, settings):
    settings.GITHUB_APP_ID, settings.GITHUB_APP_PRIVATE_KEY = hub.app_id, key[0]
    source = connect(app, hub)
    Source.objects.update(url=f"{hub.url}/ada/other.git")
    source.refresh_from_db()
    build(source)
    round_of_telling()
    source.refresh_from_db()
    assert "not installed on ada/other" in source.report_problem and source.report_after


# What goes wrong


def test_a_limit_is_waited_out_to_its_end(source, hub):
    build(source)
    reset = int(timezone.now().timestamp()) + 600
    hub.trouble(403, headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(reset)})
    round_of_telling()
    round_of_telling()
    assert len(hub.requests) == 1
    source.refresh_from_db()
    assert source.report_after == datetime.fromtimestamp(reset, UTC)
    assert "limits us" in source.report_problem
    Source.objects.update(report_after=timezone.now())
    round_of_telling()
    source.refresh_from_db()
    assert (source.report_problem, source.report_after, source.report_failures) == ("", None, 0)
    assert Build.objects.get().told == "queued"


def test_who_is_refused_is_told_why_and_asks_more_and_more_rarely(source, hub):
    build(source)
    hub.tokens.clear()
    pauses = []
    for _ in range(3):
        Source.objects.update(report_after=None)
        before = timezone.now()
        round_of_telling()
        source.refresh_from_db()
        pauses.append((source.report_after - before).total_seconds() // 10)
    assert pauses == [1, 2, 4]
    assert "does not accept the token" in source.report_problem and "ghp_personal" not in source.report_problem
    assert Build.objects.get().told == ""


def test_what_github_does_not_take_holds_up_nothing_else(source, hub):
    build(source)
    build(source, commit=LATER)
    hub.trouble(422, body={"message": f"No commit found for SHA: {COMMIT}"})
    round_of_telling()
    round_of_telling()
    assert [path for path, *_ in told(hub)] == [f"/statuses/{COMMIT}", f"/statuses/{LATER}"]
    source.refresh_from_db()
    assert "No commit found" in source.report_problem


def test_a_renamed_repository_is_followed(source, hub):
    made = build(source)
    hub.former_names.add(hub.name)
    hub.name = "ada/machine"
    round_of_telling()
    source.refresh_from_db()
    assert (source.repository_name, source.repository_id) == ("ada/machine", hub.number)
    made.transition("running")
    round_of_telling()
    paths = [path for path, _ in hub.sent("POST")]
    assert paths == [f"/repos/{name}/statuses/{COMMIT}" for name in ("ada/engine", "ada/machine", "ada/machine")]


def test_a_deployment_that_was_made_before_a_death_is_found_again(source, hub):
    rollout = factories.rollout(release(source), status="rolling")
    round_of_telling()
    Rollout.objects.filter(pk=rollout.pk).update(deployment=None, told="")
    round_of_telling()
    assert len(hub.deployments) == 1
    assert [each["state"] for each in hub.deployment_statuses[1]] == ["in_progress", "in_progress"]


def test_a_deployment_that_somebody_deleted_is_made_anew(source, hub):
    rollout = factories.rollout(release(source), status="rolling", deployment=99)
    round_of_telling()
    rollout.refresh_from_db()
    assert rollout.deployment == 1 and hub.deployment_statuses[1][0]["state"] == "in_progress"


def test_one_tells_at_a_time_until_it_is_taken_for_dead(source, hub):
    build(source)
    untold.settle_beginnings()
    Source.objects.update(reporter="another", reporter_until=timezone.now() + timedelta(minutes=1))
    tell(source.pk)
    assert hub.requests == []
    Source.objects.update(reporter_until=timezone.now() - timedelta(seconds=1))
    tell(source.pk)
    assert len(told(hub)) == 1
    assert Source.objects.get().reporter == ""


def test_a_key_that_is_lost_is_said_and_harms_nothing(source, hub, settings):
    build(source)
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    round_of_telling()
    source.refresh_from_db()
    assert "can't be read" in source.report_problem and hub.requests == []


class Meanwhile(list):
    """Requests; while the first is answered something happens."""

    def __init__(self, happens):
        super().__init__()
        self.happens = happens

    def append(self, request):
        super().append(request)
        if len(self) == 1:
            self.happens()
            connections.close_all()


@pytest.mark.django_db(transaction=True)
def test_what_moves_on_while_another_is_told_is_told_as_it_is_by_then(source, hub):
    build(source, "running")
    later = build(source, commit=LATER)
    hub.requests = Meanwhile(lambda: later.transition("cancelled", reason="Cancelled by ada."))
    round_of_telling()
    assert told(hub)[1] == (f"/statuses/{LATER}", "error", "Cancelled by ada.")


@pytest.mark.django_db(transaction=True)
def test_who_was_taken_for_dead_and_speaks_late_has_it_said_again(source, hub):
    """The other may have said something newer before: so the newest is said once more."""
    made = build(source, "running", told="queued")
    taken = {"reporter": "another", "reporter_until": timezone.now() + timedelta(minutes=5)}
    hub.requests = Meanwhile(lambda: Source.objects.update(**taken))
    round_of_telling()
    made.refresh_from_db()
    assert made.told == "" and len(hub.requests) == 1
    hub.requests = []
    made.transition("succeeded")
    Source.objects.update(reporter="")
    round_of_telling()
    assert [state for _, state, _ in told(hub)] == ["success"]


class Held(list):
    """Requests; the first is not answered before somebody lets it go."""

    def __init__(self):
        super().__init__()
        self.came, self.go = threading.Event(), threading.Event()

    def append(self, request):
        super().append(request)
        if len(self) == 1:
            self.came.set()
            self.go.wait(60)


@pytest.mark.django_db(transaction=True)
def test_who_is_killed_while_it_tells_is_replaced_within_seconds(source, hub, settings, tmp_path):
    """Killed with -9 in the middle of a request."""
    made = build(source)
    untold.settle_beginnings()
    hub.requests = Held()
    code = f"import django; django.setup(); from releases.pipeline.reports.telling import tell; tell({source.pk})"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=as_here(settings, tmp_path))
    try:
        assert hub.requests.came.wait(60)
    finally:
        process.kill()
        process.wait()
        hub.requests.go.set()
    assert Source.objects.get().reporter, "it had no time to say that it ends"
    wait_until(lambda: round_of_telling() or Build.objects.get().told == "queued", what="a word to GitHub")
    assert len(hub.requests) == 2 and made.pk


def as_here(settings, home):
    """The environment of a program that works on the tests' database, and speaks to the same GitHub."""
    name = connection.settings_dict["NAME"]
    url = databases.named(databases.server(), name) if databases.server() else f"sqlite:///{name}"
    return os.environ | {
        "DJANGO_SETTINGS_MODULE": "deployer.settings",
        "DATABASE_URL": url,
        "DEPLOYER_HOME": str(home),
        "GITHUB_API_URL": settings.GITHUB_API_URL,
        "ENCRYPTION_KEYS": ",".join(settings.ENCRYPTION_KEYS),
        "SECRET_KEY": secrets.token_urlsafe(48),
        "HEARTBEAT_SECONDS": "0.1",
        "HEARTBEAT_OLD_SECONDS": "1",
    }


@pytest.mark.django_db(transaction=True)
def test_who_waits_long_for_an_answer_is_not_taken_for_dead(source, hub, settings):
    settings.HEARTBEAT_SECONDS, settings.HEARTBEAT_OLD_SECONDS = 0.02, 5.0
    build(source)
    untold.settle_beginnings()
    hub.requests = Held()
    rounds = reports.Rounds()
    rounds.go()
    assert hub.requests.came.wait(60)
    believed = Source.objects.get().reporter_until
    wait_until(lambda: Source.objects.get().reporter_until > believed, what="a heartbeat")
    tell(source.pk)
    assert len(hub.requests) == 1
    hub.requests.go.set()
    for thread in list(rounds.threads.values()):
        thread.join(30)
    assert [state for _, state, _ in told(hub)] == ["pending"]
    assert Source.objects.get().reporter == ""


@pytest.mark.django_db(transaction=True)
def test_the_reaper_begins_it_beside_its_work(source, hub):
    made = build(source)
    rounds = reports.Rounds()
    rounds.go()
    for thread in list(rounds.threads.values()):
        thread.join(30)
    made.refresh_from_db()
    assert made.told == "queued" and len(told(hub)) == 1
