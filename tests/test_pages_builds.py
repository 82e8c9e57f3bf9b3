"""The builds of an app, and the page of one."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pages_world import make_world

from releases.models import App, AuditEntry, Build, Release, Source
from releases.pages import board_for
from releases.pages.builds_board import SHOWN

pytestmark = pytest.mark.django_db
COMMIT = "0123456789abcdef0123456789abcdef01234567"
HOSTILE = ("\x00", "%", "'", "²", "9" * 400, "<b>", "0-B", "\ud800")


@pytest.fixture
def world():
    return make_world()


@pytest.fixture(autouse=True)
def silent_cluster(settings, tmp_path):
    settings.DEPLOYER_KUBECONFIG = str(tmp_path / "none")


@pytest.fixture
def deployer(client, world):
    client.force_login(world.people["deployer"])
    return client


@pytest.fixture
def source(world):
    return Source.objects.create(app=world.app, url="https://github.com/acme/hello", branch="main")


def drawn(client, path, **query):
    response = client.get(path, query)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def make_build(world, status="succeeded", **given):
    build = Build.objects.create(app=world.app, status=status, **{**world.actor().columns(), **given})
    if build.is_finished:
        Build.objects.filter(pk=build.pk).update(finished_at=timezone.now() + timedelta(seconds=31))
    return build


# --- The list -------------------------------------------------------------------------------------------------------


def test_each_build_says_what_it_was_made_from_and_what_it_led_to(deployer, world):
    failed = make_build(world, "failed", commit=COMMIT, subject="Break it", reason="make ended with 2.")
    page = drawn(deployer, "/apps/hello/builds")
    assert failed.pk in page and "0123456789" in page and "Break it" in page and "make ended with 2." in page
    assert "0:31" in page and 'aria-current="page">Builds' in page
    assert f"/apps/hello/releases/{world.newest.pk}" in page
    assert page.index(failed.pk) < page.index(world.newest.build_id) < page.index(world.old.build_id)
    assert page.count("> Active</span>") == 1


def test_of_a_build_whose_variables_were_changed_the_first_release_is_its_own(deployer, world):
    again = Release.objects.create(
        app=world.app,
        build=world.old.build,
        manifest=world.old.manifest,
        images={},
        env={},
        description="env add:X",
        **world.actor().columns(),
    )
    page = drawn(deployer, "/apps/hello/builds")
    assert world.old.pk in page and again.pk not in page


def test_builds_are_found_by_status_and_words(deployer, world):
    failed = make_build(world, "failed", commit=COMMIT, subject="Break it")
    running = make_build(world, "running", subject="Add the face of a clock")
    for query, found in (
        ({"status": "failed"}, {failed}),
        ({"status": "running"}, {running}),
        ({"q": "012345"}, {failed}),
        ({"q": "BREAK"}, {failed}),
        ({"q": "face"}, {running}),  # which could be a commit, too
        ({"q": running.pk.lower()}, {running}),
        ({"q": "break", "status": "running"}, set()),
        ({"status": "nonsense"}, {failed, running, world.old.build, world.active.build, world.newest.build}),
    ):
        page = drawn(deployer, "/apps/hello/builds", **query)
        assert {build for build in Build.objects.all() if f"builds/{build.pk}" in page} == found, query
    assert "No such build" in drawn(deployer, "/apps/hello/builds", q="nothing of the kind")


def test_a_filtered_list_follows_what_it_asked_for(deployer, world):
    page = drawn(deployer, "/apps/hello/builds", status="running", q="hello")
    assert 'ws-connect="/ws/pages/builds.hello?q=hello&amp;status=running"' in page
    board = board_for("builds.hello", by=world.actor(), query={"status": "running"})
    assert world.newest.build_id not in board.draw()[0].html
    running = make_build(world, "running")
    board = board_for("builds.hello", by=world.actor(), query={"status": "running"})
    assert running.pk in board.draw()[0].html and board.look < 5


def test_a_long_list_is_paged_by_place(deployer, world):
    for number in range(SHOWN):
        make_build(world, subject=f"No. {number}")
    first = drawn(deployer, "/apps/hello/builds")
    older = first.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    make_build(world, subject="Made meanwhile")
    second = drawn(deployer, f"/apps/hello/builds{older}")
    seen = [build.pk for build in Build.objects.all() if f"builds/{build.pk}" in first + second]
    assert len(seen) == SHOWN + 3 and "Made meanwhile" not in second
    newer = second.split('rel="prev" href="')[1].split('"')[0].replace("&amp;", "&")
    assert "No. 24" in drawn(deployer, f"/apps/hello/builds{newer}")


def test_nothing_in_the_address_breaks_it(deployer, world):
    for odd in HOSTILE:
        for name in ("q", "status", "before", "after"):
            drawn(deployer, "/apps/hello/builds", **{name: odd.encode(errors="replace").decode()})
    assert deployer.get("/apps/nope/builds").status_code == 404


def test_what_runs_can_be_cancelled_from_the_list(deployer, client, world):
    running = make_build(world, "running", subject="Slow")
    page = drawn(deployer, "/apps/hello/builds")
    assert f'formaction="/apps/hello/builds/{running.pk}/cancel"' in page
    deployer.post(f"/apps/hello/builds/{running.pk}/cancel")
    assert "Cancelling" in drawn(deployer, "/apps/hello/builds")
    client.force_login(world.people["viewer"])
    assert "Cancel build needs the role deployer" in drawn(client, "/apps/hello/builds")


def test_its_tab_keeps_an_icon_when_it_is_drawn_anew(deployer, world):
    head = drawn(deployer, "/apps/hello/builds").partition('id="builds-list"')[2].partition(">")[0]
    assert "data-title=" in head and 'data-tone="quiet"' in head


def test_without_a_build_it_says_what_to_type(deployer, world, source):
    app = App.objects.create(name="bare", cluster=world.app.cluster, **world.actor().columns())
    page = drawn(deployer, "/apps/bare/builds")
    assert "deployer build -a bare ." in page and "connect a repository" in page
    assert "Build main" in drawn(deployer, "/apps/hello/builds")
    assert app.builds.count() == 0


def test_the_number_of_queries_does_not_grow_with_the_builds(deployer, world):
    def queries():
        with CaptureQueriesContext(connection) as asked:
            drawn(deployer, "/apps/hello/builds")
        return len(asked)

    make_build(world, "running")
    make_build(world, "queued")
    few = queries()
    for _ in range(15):
        world.release()
        make_build(world, "running")
        make_build(world, "queued")
    assert queries() == few


# --- One build ------------------------------------------------------------------------------------------------------


def test_a_build_says_where_from_how_and_how_long(deployer, world):
    build = make_build(
        world,
        origin="git",
        repository="https://github.com/acme/hello",
        ref="refs/heads/main",
        commit=COMMIT,
        subject="Say hello",
        builder="buildkit",
        builder_why="the engine has it",
        source_bytes=3_000_000,
        restarts=1,
        images={"web": "registry.example/hello@sha256:12ab"},
        steps=[
            {"name": "Source", "image": "", "at": timezone.now().isoformat(), "seconds": 1.6},
            {"name": "Step 1/2 : RUN make", "image": "web", "at": timezone.now().isoformat(), "seconds": 72.0},
        ],
    )
    page = drawn(deployer, build.get_absolute_url())
    assert f"https://github.com/acme/hello/commit/{COMMIT}" in page and "main" in page
    assert "registry.example/hello@sha256:12ab" in page and "buildkit: the engine has it." in page
    assert "Step 1/2 : RUN make" in page and "<dd>1:12</dd>" in page and "<dd>2 s</dd>" in page
    assert "2.9" in page and "it began again once" in page


def test_a_step_that_goes_on_counts(deployer, world):
    steps = [{"name": "Step 1/1 : RUN make", "image": "", "at": timezone.now().isoformat(), "seconds": None}]
    running = make_build(world, "running", steps=steps)
    assert "data-elapsed" in drawn(deployer, running.get_absolute_url()).split("Step 1/1")[1][:80]
    dead = make_build(world, "failed", steps=[*steps, {}])  # its worker died in that step
    assert "data-elapsed" not in drawn(deployer, dead.get_absolute_url()).split("Step 1/1")[1][:80]


def test_what_it_led_to(deployer, world):
    page = drawn(deployer, world.newest.build.get_absolute_url())
    assert "which waits for somebody to promote it" in page
    world.rollout(world.newest, "rolled_back")
    page = drawn(deployer, world.newest.build.get_absolute_url())
    assert "/apps/hello/rollouts/3" in page and "Rolled back" in page
    refused = make_build(world, promote=True, refusals=["hello is locked by ida."])
    assert "hello is locked by ida." in drawn(deployer, refused.get_absolute_url())


# --- Build again ----------------------------------------------------------------------------------------------------


def test_the_same_commit_is_built_again_and_promotes_nothing(deployer, world, source):
    given = {"origin": "push", "repository": source.url, "ref": "refs/heads/main", "promote": True}
    build = make_build(world, "failed", commit=COMMIT, subject="Say hello", **given)
    assert "disabled" not in drawn(deployer, build.get_absolute_url()).split('id="again"')[1][:120]
    response = deployer.post(f"{build.get_absolute_url()}/again")
    again = Build.objects.get(status="queued")
    assert response.url == again.get_absolute_url()
    assert (again.commit, again.origin, again.promote, again.subject) == (COMMIT, "git", False, "Say hello")
    entry = AuditEntry.objects.get(action="create_build", subject=again.pk)
    assert entry.detail["again"] == build.pk and entry.by_label == "a-deployer"


def test_a_pull_request_is_built_again_as_one(deployer, world, source):
    given = {"origin": "pull_request", "repository": source.url, "ref": "refs/pull/7/head"}
    build = make_build(world, "failed", commit=COMMIT, **given)
    deployer.post(f"{build.get_absolute_url()}/again")
    again = Build.objects.get(status="queued")
    assert (again.origin, again.ref) == ("pull_request", "refs/pull/7/head")  # so it makes no release


def test_what_can_not_be_built_again_says_why_in_the_words_of_the_refusal(deployer, client, world, source):
    upload = make_build(world, origin="upload")
    moved = make_build(world, origin="git", repository="https://github.com/acme/elsewhere", commit=COMMIT)
    for build, words in (
        (upload, "deploy it again from its folder"),
        (moved, "is not the app&#x27;s repository any more"),
    ):
        assert words in drawn(deployer, build.get_absolute_url())
        response = deployer.post(f"{build.get_absolute_url()}/again")
        assert response.status_code == 409 and words in response.content.decode()
    running = make_build(world, "running", origin="git", repository=source.url)
    assert deployer.post(f"{running.get_absolute_url()}/again").status_code == 409
    client.force_login(world.people["viewer"])
    assert client.post(f"{moved.get_absolute_url()}/again").status_code == 403
    assert not Build.objects.filter(status="queued").exists()
