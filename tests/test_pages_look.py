"""What the pages show, to whom."""

import ast
from pathlib import Path

import pytest
from django.utils import timezone
from pages_world import make_rollout, make_world

from releases import audit, logs, policy
from releases.errors import ClusterUnavailable
from releases.models import App, Build, Person
from releases.pages import looks
from releases.pages.history import events
from releases.pipeline import inspect
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def world():
    return make_world()


@pytest.fixture(autouse=True)
def silent_cluster(settings, tmp_path):
    settings.DEPLOYER_KUBECONFIG = str(tmp_path / "none")
    looks._looks.clear()
    looks._answers.clear()


def as_(client, world, role="deployer"):
    client.force_login(world.people[role])
    return client


def text(response):
    return response.content.decode()


def test_every_page_needs_a_sign_in_and_remembers_where_one_was_going(client, world):
    for path in ("/", "/apps/new", "/apps/hello", "/apps/hello/env", "/apps/hello/rollouts/1"):
        response = client.get(path)
        assert response.status_code == 302
        assert response.url == f"/sign-in?next={path}"


def test_an_app_shows_what_runs_and_what_is_next(client, world):
    page = text(as_(client, world).get("/apps/hello"))
    assert f"Promote {world.newest.pk}" in page
    assert "COLOUR changed" in page and "ADDED is new" in page
    assert f"/apps/hello/releases/{world.old.pk}/rollback" in page
    assert f"/apps/hello/releases/{world.active.pk}/" not in page  # the active one has no button
    assert "very-secret-value" not in page


def test_what_was_done_is_told_in_words(client, world):
    actor, app = world.actor(), world.app
    audit.record("run", by=actor, app=app, subject=world.active.pk, command="vacuum --password hunter22")
    audit.record("restart", by=actor, app=app, services=["web", "worker"])
    audit.record("stop_process", by=actor, app=app, subject="web-1-x")
    page = text(as_(client, world, "viewer").get("/apps/hello"))
    assert f"ran a command with {world.active.pk}" in page and "restarted web, worker" in page
    assert "stopped the process web-1-x" in page
    assert "hunter22" not in page  # what somebody typed into a command is for administrators to read


def test_nothing_that_is_done_to_an_app_lacks_words():
    calls = (
        node
        for path in Path(policy.__file__).parents[1].rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
    )
    done = {
        call.args[0].value
        for call in calls
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "audit.record" and call.args
        if isinstance(call.args[0], ast.Constant) and any(given.arg == "app" for given in call.keywords)
    }
    assert {"run", "lock", "restart"} <= done
    assert done - set(events.WORDS) - {"delete_app"} == set()  # with which its page goes, too


def test_a_viewer_sees_why_not_beside_the_disabled_button(client, world):
    page = text(as_(client, world, "viewer").get("/apps/hello"))
    assert "Promote needs the role deployer, here or in general." in page
    assert "Scale needs the role deployer, here or in general." in page
    main = page[page.index("<main") : page.index("</main>")]
    assert main.count("<button") == main.count(" disabled") > 0


def test_while_a_rollout_runs_it_says_which(client, world):
    world.rollout(world.newest, "rolling")
    page = text(as_(client, world).get("/apps/hello"))
    assert "Rollout 3 of hello" in page and "is still running." in page


def test_a_missing_variable_is_named(client, world):
    world.release(web={"environment": {"QUEUE_URL": None}})
    page = text(as_(client, world).get("/apps/hello"))
    assert "QUEUE_URL is required by the manifest and not set" in page


def test_an_unreachable_cluster_is_a_state_not_an_error(client, world):
    response = as_(client, world).get("/apps/hello")
    assert response.status_code == 200
    assert "The cluster does not answer." in text(response)


def test_processes_are_squares(client, world, monkeypatch):
    process = inspect.Process("web-1-x", "web", world.active.pk, "broken", 2, None, "exited with 1 after 2 s")
    monkeypatch.setattr(inspect, "processes", lambda app, **_: [process])
    page = text(as_(client, world).get("/apps/hello"))
    assert 'class="p broken"' in page and "web: 1 broken" in page and "exited with 1 after 2 s" in page


def test_empty_states_say_what_to_type(client, world):
    App.objects.create(name="bare", cluster=world.app.cluster, **world.actor().columns())
    assert "deployer deploy -a bare ." in text(as_(client, world).get("/apps/bare"))
    App.objects.all().delete()
    page = text(client.get("/"))
    assert "deployer apps create hello" in page


def test_what_is_not_there_is_404_in_our_look(client, world):
    as_(client, world)
    hostile = "%3Cscript%3E"
    for path in (
        "/apps/nope",
        f"/apps/{hostile}",
        "/apps/hello/rollouts/99",
        "/apps/hello/rollouts/99999999999999999999999999",
        "/apps/hello/builds/BAAAAAAAAAA",
        "/apps/hello/releases/RAAAAAAAAAA",
        "/apps/hello/rollouts/99/log",
        "/nothing/here",
    ):
        response = client.get(path)
        assert response.status_code == 404, path
        assert "Not here" in text(response) and "<script>" not in text(response)


def test_a_build_belongs_to_its_app(client, world):
    App.objects.create(name="other", cluster=world.app.cluster, **world.actor().columns())
    assert as_(client, world).get(f"/apps/other/builds/{world.old.build_id}").status_code == 404


def test_hostile_words_are_escaped_everywhere(client, world):
    evil = "<img src=x onerror=alert(1)>"
    release = world.release(description=evil, env={})
    Build.objects.filter(pk=release.build_id).update(subject=evil, description=evil)
    Person.objects.filter(pk=world.people["viewer"].pk).update(username=evil)
    by = policy.actor_for(Person.objects.get(username=evil))
    given = {
        "note": evil,
        "reason": evil,
        "hint": evil,
        "evidence": [evil, "\x1b[31mred\x1b[0m"],
        "squares": [{"service": evil, "name": evil, "state": evil, "release": evil, "note": evil}],
    }
    rollout = make_rollout(world.app, release, "rolled_back", by=by, **given)
    logs.append(rollout, [logs.Line(evil, f"\x1b[1m{evil}\r{evil}")])
    as_(client, world)
    build_page = f"/apps/hello/builds/{release.build_id}"
    for path in ("/", "/apps/hello", rollout.get_absolute_url(), release.get_absolute_url(), build_page):
        page = text(client.get(path))
        assert "<img" not in page, path
        assert "\x1b" not in page, path


def test_a_rollout_that_failed_says_why_and_what_is_active(client, world):
    reason = "web-1 exited with 1 after 2 s, twice."
    rollout = world.rollout(
        world.newest, "rolled_back", previous=world.active, reason=reason, evidence=["KeyError: 'QUEUE_URL'"]
    )
    page = text(as_(client, world).get(rollout.get_absolute_url()))
    assert reason in page and "KeyError: &#x27;QUEUE_URL&#x27;" in page
    assert f"{world.active.pk} is active again" in page
    assert "icons/bad.svg" in page and "<title>↺" in page and "Abort" not in page


def test_a_running_rollout_shows_squares_steps_and_abort(client, world):
    squares = [
        {"service": "web", "name": "web-new", "state": "ready", "release": world.newest.pk, "note": ""},
        {"service": "web", "name": "web-old", "state": "old", "release": world.active.pk, "note": ""},
    ]
    progress = {"services": {"web": {"desired": 2}}, "applied": True}
    rollout = world.rollout(world.newest, previous=world.active, squares=squares, progress=progress)
    page = text(as_(client, world).get(rollout.get_absolute_url()))
    assert f"Promoting {world.newest.pk}" in page
    assert "1 / 2 ready" in page and "1 of 2 processes" in page
    assert "web: 1 ready, 1 to be replaced" in page
    assert "Abort and restore" in page and "of about 1:1" in page
    App.objects.update(scale={"web": 2})
    assert "1 of 2 ready, 1 to be replaced" in text(client.get("/apps/hello"))


@pytest.mark.parametrize("path", ["/", "/apps/hello", "/apps/hello/rollouts/1"])
def test_the_number_of_queries_does_not_grow_with_the_rows(client, world, path, django_assert_max_num_queries):
    as_(client, world)
    for number in range(15):
        App.objects.create(name=f"more-{number}", cluster=world.app.cluster, **world.actor().columns())
        release = world.release(env={"A": str(number)})
        world.rollout(release, "rolled_back", reason="no")
    with django_assert_max_num_queries(22):
        client.get(path)


def test_the_policy_forbids_inline_scripts_and_the_pages_have_none(client, world):
    response = as_(client, world).get("/apps/hello")
    assert "default-src 'self'" in response["Content-Security-Policy"]
    assert " style=" not in text(response) and "onclick" not in text(response)
    assert text(response).count("<script") == text(response).count("<script src=")


def test_readyz_names_what_is_missing(client, monkeypatch):
    monkeypatch.setattr("releases.actions.readiness", lambda: {"database": "", "redis": "it is away"})
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json() == {"ready": False, "parts": {"database": "", "redis": "it is away"}}
    monkeypatch.setattr("releases.actions.readiness", lambda: {"database": ""})
    assert client.get("/readyz").status_code == 200
    assert client.get("/healthz").content == b"ok\n"


def test_a_slow_cluster_does_not_hold_the_page(client, world, monkeypatch):
    from threading import Event

    answered = Event()
    monkeypatch.setattr(inspect, "processes", lambda app, **_: answered.wait(20) and [])
    page = text(as_(client, world).get("/apps/hello"))
    answered.set()
    assert "Asking the cluster…" in page


def test_an_answer_for_which_nobody_asks_any_more_is_forgotten(client, world, monkeypatch):
    old, new = world.app, factories.app("other")
    looks.look("squares", old, list, fresh_seconds=3).result()
    assert looks.last_answer("squares", old)
    looks.look("squares", new, list, fresh_seconds=3).result()
    assert looks.last_answer("squares", old), "it is young"
    monkeypatch.setattr(looks, "KEPT_SECONDS", 0)
    looks.look("squares", new, list, fresh_seconds=3).result()
    assert looks.last_answer("squares", old) is None and looks.last_answer("squares", new)


def test_a_cluster_error_is_told(client, world, monkeypatch):
    def refuse(app, **_):
        raise ClusterUnavailable("It refused the connection.")

    monkeypatch.setattr(inspect, "processes", refuse)
    assert "It refused the connection." in text(as_(client, world).get("/apps/hello"))


def test_a_command_among_the_reasons_is_code_and_nothing_else_is(client, world):
    App.objects.filter(pk=world.app.pk).update(
        locked_at=timezone.now(), locked_by_label="ada", lock_reason="<b>`incident` 482</b>, and one ` more"
    )
    page = text(as_(client, world).get("/apps/hello"))
    assert "&lt;b&gt;" in page and "<b>`" not in page and "<b><code>" not in page
    App.objects.filter(pk=world.app.pk).update(lock_reason="incident 482")
    assert "<code>deployer unlock -a hello</code>" in text(as_(client, world).get("/apps/hello"))
