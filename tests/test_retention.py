"""What is left of old builds: the rule, and the going of logs and images, in a real registry and as folders."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from django.conf import settings as given
from django.utils import timezone

from releases import actions, logs, policy
from releases.clients.images import DirectoryBuilder, removal
from releases.errors import NotAllowed
from releases.models import App, AuditEntry, Build, LogLine, Registry, Release
from releases.pipeline import deployer_yml, image_removal, retention, retention_rounds
from tests import factories
from tests.clusters import eventually
from tests.docker_fixtures import private_registry as private_registry
from tests.registries import PASSWORD, USER, NoDeletions, WithPassword, has_image, push_image

OLD = timedelta(days=60)
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def nothing_is_kept_for_being_new(settings):
    settings.KEPT_BUILDS, settings.KEPT_DAYS, settings.KEPT_RELEASES = 1, 30.0, 1


@pytest.fixture(scope="module")
def guarded(private_registry: str) -> Iterator[WithPassword]:
    with WithPassword() as made:
        yield made


def old(app, *, age=OLD, lines=3, **columns) -> Build:
    """A build that is over since long, with a log."""
    build = factories.build(app, **columns)
    logs.append(build, [logs.Line("build", f"line {number}") for number in range(lines)])
    Build.objects.filter(pk=build.pk).update(created_at=timezone.now() - age)
    return Build.objects.get(pk=build.pk)


def released(app, *, active=False, images=None, age=OLD, **columns) -> Release:
    """A release of an old build; one that was active once."""
    build = old(app, age=age, images=images or {"web": factories.IMAGE}, **columns)
    release = factories.release(app, build=build)
    Release.objects.filter(pk=release.pk).update(images=build.images)
    if active:
        # As if none had been begun: then no cluster is asked.
        factories.rollout(release, status="succeeded", number=1000 + app.rollouts.count())
        App.objects.filter(pk=app.pk).update(active_release=release, rollouts_made=0)
    return Release.objects.get(pk=release.pk)


def gone(app) -> set[str]:
    retention.go()
    return set(app.builds.exclude(log_removed_at=None).values_list("pk", flat=True))


def text_of(build) -> list[str]:
    return list(LogLine.objects.filter(owner=build.pk).order_by("number").values_list("message", flat=True))


# --- The rule -------------------------------------------------------------------------------------------------------


def test_what_one_could_go_back_to_stays_and_the_rest_goes(app, settings):
    settings.KEPT_RELEASES = 2
    never = old(app)
    failed = old(app, status="failed")
    before = released(app, active=True)
    previous, active = released(app, active=True), released(app, active=True)
    remembered, rolling = released(app), released(app)
    App.objects.filter(pk=app.pk).update(next_release=remembered)
    factories.rollout(rolling, status="rolling")
    App.objects.filter(pk=app.pk).update(rollouts_made=0)
    unfinished = old(app, status="running")
    young = old(app, age=timedelta(days=29))
    unpromoted = released(app)
    newest = old(app, age=timedelta(days=1))
    assert gone(app) == {never.pk, failed.pk, before.build_id}
    stay = {each.build_id for each in (previous, active, remembered, rolling, unpromoted)}
    assert {unfinished.pk, young.pk, newest.pk} | stay == set(
        app.builds.filter(log_removed_at=None).values_list("pk", flat=True)
    )
    settings.KEPT_BUILDS = 0
    assert gone(app) == {never.pk, failed.pk, before.build_id}, "what is young stays all the same"
    [entry] = AuditEntry.objects.filter(action="retention")
    assert entry.app_name == app.name and set(entry.detail["builds"]) == {never.pk, failed.pk, before.build_id}


def test_what_was_active_before_stays_beside_the_newest_so_many(app):
    earlier, previous, active = released(app, active=True), released(app, active=True), released(app, active=True)
    active.rollouts.update(previous=previous)
    old(app)
    assert gone(app) == {earlier.build_id}


def test_the_log_and_the_api_say_what_has_become_of_it(app, client, deployer):
    release, other = released(app), old(app, status="failed")
    released(app, active=True), old(app)
    assert gone(app) == {release.build_id, other.pk}
    day = f"{timezone.now():%Y-%m-%d}"
    [words] = text_of(release.build)
    assert words.startswith(f"The log and the images were removed on {day} by retention: ")
    assert text_of(other)[0].startswith(f"The log was removed on {day} by retention")
    client.force_login(deployer.person, backend="django.contrib.auth.backends.ModelBackend")
    found = client.get(f"/api/apps/{app.name}/builds/{release.build_id}").json()
    assert found["log_removed"].startswith(day) and found["images_removed"].startswith(day)
    found = client.get(f"/api/apps/{app.name}/builds/{other.pk}").json()
    assert found["log_removed"] and found["images_removed"] is None
    assert client.get(f"/apps/{app.name}/builds/{release.build_id}").status_code == 200


def test_nothing_begins_with_what_is_gone_and_it_is_said_before(app, deployer):
    release = released(app)
    released(app, active=True), old(app)
    assert release.build.images_removed_at is None, "and so it was read"
    retention.go()
    words = f"The images of {release.pk} were removed on {timezone.now():%Y-%m-%d} by retention: build it anew."
    for deed in (actions.promote, actions.rollback, actions.promote_when_free):
        with pytest.raises(NotAllowed) as raised:
            deed(release, by=deployer)
        assert raised.value.reasons == [words]
    assert [reason.name for reason in policy.refusals("rollback", by=deployer, app=app, release=release)] == [
        "images_removed"
    ]
    assert app.releases.filter(rolled_back_to=release).count() == 0


@pytest.mark.parametrize("attempt", range(3))
def test_a_rollback_at_this_very_moment_gets_its_images_or_a_reason(app, deployer, together, attempt):
    release = released(app)
    released(app, active=True), old(app)
    rollout, ids = together(
        lambda: actions.rollback(release, by=deployer), lambda: retention.let_go(app.pk, timezone.now())
    )
    removed = Build.objects.get(pk=release.build_id).images_removed_at
    if isinstance(rollout, NotAllowed):
        assert removed and "by retention" in rollout.message
    else:
        assert rollout.status == "queued" and removed is None and ids == []


def test_a_log_goes_in_pieces_and_whoever_comes_next_goes_on(app, settings, monkeypatch):
    build = old(app, lines=2_500)
    old(app, age=timedelta(0))
    retention.let_go(app.pk, timezone.now())
    assert LogLine.objects.filter(owner=build.pk).count() == 2_501, "written down, and then the worker was killed"
    assert retention.delete_lines() == 2_500 and len(text_of(build)) == 1
    assert retention.delete_lines() == 0


def test_an_app_that_is_being_deleted_is_left_alone(app):
    old(app), old(app)
    App.objects.filter(pk=app.pk).update(deleting_at=timezone.now())
    assert gone(app) == set()


def test_rounds_run_beside_the_reaper(app, settings):
    build, _ = old(app), old(app)
    rounds = retention_rounds.Rounds()
    rounds.go()
    eventually(lambda: not rounds.thread.is_alive())
    assert text_of(build)[0].startswith("The log was removed")
    again = old(app, age=OLD * 2)
    rounds.go()
    assert not rounds.thread.is_alive() and len(text_of(again)) == 3, "no round is due"
    settings.RETENTION_SECONDS = 0.001
    rounds.go()
    eventually(lambda: len(text_of(again)) == 1)
    eventually(lambda: not rounds.thread.is_alive())


# --- Folders --------------------------------------------------------------------------------------------------------


@pytest.fixture
def store(own_home) -> Path:
    return Path(given.DEPLOYER_IMAGES)


def folder_image(store: Path, tmp_path: Path, text: str, app: str = "hello") -> str:
    (tmp_path / "file").write_text(text)
    return DirectoryBuilder(store).build(tmp_path, app=app, path=".", dockerfile_name="Dockerfile", say=lambda _: None)


def there(store: Path, image: str) -> bool:
    return (store / image.rpartition(":")[2] / "root" / "file").is_file()


def test_a_folder_goes_unless_another_build_has_made_the_same(app, store, tmp_path):
    mine, shared = folder_image(store, tmp_path, "1"), folder_image(store, tmp_path, "2")
    going = released(app, images={"web": mine, "worker": shared}).build
    other = factories.app()
    released(other, active=True, images={"web": shared.replace("hello", "other")})
    released(app, active=True, images={"web": folder_image(store, tmp_path, "3")})
    assert gone(app) == {going.pk}
    going.refresh_from_db()
    assert going.images_deleted_at and going.images_note == ""
    assert not there(store, mine) and there(store, shared)
    assert len(list(store.iterdir())) == 2


def test_a_folder_that_a_running_build_may_have_found_stays(app, store, tmp_path):
    image = folder_image(store, tmp_path, "1")
    going = released(app, images={"web": image}).build
    released(app, active=True)
    running = factories.build(factories.app(), status="running")
    gone(app)
    going.refresh_from_db()
    assert there(store, image) and going.images_deleted_at is None and "A build runs" in going.images_note
    Build.objects.filter(pk=running.pk).update(status="succeeded", images={"web": image})
    gone(app)
    going.refresh_from_db()
    assert there(store, image) and going.images_deleted_at, "that build has it now"


def test_what_was_set_aside_by_who_was_killed_is_put_back_or_goes(app, store, tmp_path):
    needed, other = folder_image(store, tmp_path, "1"), folder_image(store, tmp_path, "2")
    released(app, active=True, images={"web": needed})
    for image in (needed, other):
        removal.set_aside(store, image.rpartition(":")[2])
        assert not there(store, image)
    retention.go()
    assert there(store, needed) and len(list(store.iterdir())) == 1


# --- Registries -----------------------------------------------------------------------------------------------------


def pushed(app, registry, login=None, **columns) -> Build:
    """An old build whose image is in that registry."""
    build = released(app, images={"web": "x"}, builder="docker").build
    digest = push_image(registry.address, app.name, f"web.{build.pk}", text=build.pk, login=login)
    images = {"web": f"{registry.address}/{app.name}@{digest}"}
    Build.objects.filter(pk=build.pk).update(images=images, **columns)
    return Build.objects.get(pk=build.pk)


def again(build) -> Build:
    image_removal.go()
    return Build.objects.get(pk=build.pk)


def test_manifests_go_from_the_registry_and_others_stay(app, guarded):
    ann = (USER, PASSWORD)
    row = Registry.objects.create(name="ours", address=guarded.address, username=USER, password="wrong")
    going, kept = pushed(app, guarded, ann), pushed(app, guarded, ann)
    App.objects.filter(pk=app.pk).update(next_release=kept.releases.get())
    released(app, active=True)
    assert gone(app) == {going.pk}
    going.refresh_from_db()
    assert going.images_deleted_at is None and "ours keeps its images: " in going.images_note
    assert "does not know us (401)" in going.images_note and "wrong" not in going.images_note
    actions.change_registry(row, by=factories.actor("administrator"), password=PASSWORD)
    done = again(going)
    assert done.images_deleted_at and done.images_note == ""
    tags = registry_tags(guarded.address, app.name)
    assert tags == [f"web.{kept.pk}"]


def registry_tags(address: str, repository: str) -> list[str]:
    answer = httpx.get(f"http://{address}/v2/{repository}/tags/list", auth=(USER, PASSWORD), trust_env=False)
    return json.loads(answer.content)["tags"]


def test_a_registry_that_allows_no_deletions_is_asked_once_a_round_and_it_is_said(app, private_registry, caplog):
    with NoDeletions() as strict:
        Registry.objects.create(name="strict", address=strict.address)
        builds = [pushed(app, strict) for _ in range(3)]
        released(app, active=True)
        assert gone(app) == {build.pk for build in builds}
        for build in map(again, builds):
            assert build.images_deleted_at and "strict keeps its images: " in build.images_note
            digest = build.images["web"].rpartition("@")[2]
            assert has_image(strict.address, app.name, digest)
    assert len([line for line in caplog.messages if "can't be deleted" in line]) == 1


def test_an_image_that_the_manifest_names_is_nobodys_to_delete_here(app, private_registry):
    from_elsewhere = push_image(private_registry, app.name, "web.1", text="made elsewhere")
    Registry.objects.create(name="ours", address=private_registry)
    going = released(app, images={"web": f"{private_registry}/{app.name}@{from_elsewhere}"}).build
    manifest = deployer_yml.parse(f"services: {{web: {{image: '{private_registry}/{app.name}@{from_elsewhere}'}}}}")
    Build.objects.filter(pk=going.pk).update(manifest=manifest)
    released(app, active=True)
    assert gone(app) == {going.pk}
    going.refresh_from_db()
    assert going.images_deleted_at and going.images_note == ""
    assert has_image(private_registry, app.name, from_elsewhere)


def test_images_whose_registry_is_gone_stay_and_it_is_said(app):
    build = released(app, images={"web": f"gone.example.com/{app.name}@sha256:{'7' * 64}"}, builder="docker").build
    released(app, active=True)
    gone(app)
    build.refresh_from_db()
    assert build.images_deleted_at and build.images_note == "No registry that is known here has its images."
