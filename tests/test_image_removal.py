"""Images that have to go: from a real registry and as folders, of builds and of apps, never what somebody needs."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from django.conf import settings as given
from django.utils import timezone

from releases import actions, jobs, logs
from releases.clients.images import removal
from releases.errors import Stale
from releases.models import App, AuditEntry, Build, Image, Registry
from releases.pipeline import image_removal, pushed_images, retention
from tests import docker_engine, factories
from tests.docker_fixtures import private_registry as private_registry
from tests.odd_server import odd_server
from tests.old_builds import folder_image, gone, left, old, pushed, released
from tests.registries import PASSWORD, USER, NoDeletions, WithPassword, has_image, push_image

DAY = timedelta(days=1)
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def nothing_is_kept_for_being_new(settings):
    settings.KEPT_BUILDS, settings.KEPT_DAYS, settings.KEPT_RELEASES = 1, 30.0, 1
    settings.DOCKER_HOST = ""


# --- Folders --------------------------------------------------------------------------------------------------------


@pytest.fixture
def store(own_home) -> Path:
    return Path(given.DEPLOYER_IMAGES)


def with_folder(app: App, image: str, **columns) -> Build:
    """An old build that has made this image."""
    build = released(app, images={"web": image}, **columns).build
    pushed_images.announce(build, f"local/{app.name}", digest=image.rpartition("@")[2])
    return build


def there(store: Path, image: str) -> bool:
    return (store / image.rpartition(":")[2] / "root" / "file").is_file()


def test_a_folder_goes_unless_another_build_has_made_the_same(app, store, tmp_path):
    mine, shared = folder_image(store, tmp_path, "1"), folder_image(store, tmp_path, "2")
    going = [with_folder(app, mine), with_folder(app, shared)]
    with_folder(factories.app(), shared, active=True)
    with_folder(app, folder_image(store, tmp_path, "3"), active=True)
    assert gone(app) == {build.pk for build in going}
    assert not there(store, mine) and there(store, shared)
    assert not any(map(left, going)) and len(list(store.iterdir())) == 2


def test_a_folder_that_another_apps_manifest_names_goes_with_the_last_who_needs_it(app, store, tmp_path):
    image = folder_image(store, tmp_path, "1")
    going = with_folder(app, image)
    released(app, active=True)
    other = released(factories.app(), images={"web": image})
    gone(app)
    [waits] = left(going)
    assert there(store, image) and waits.note == f"{other.build} of {other.app.name} needs it."
    image_removal.go(timezone.now() + 100 * DAY)
    assert there(store, image) and not AuditEntry.objects.filter(action="images_left").exists(), "nobody gives it up"
    other.app.delete()
    image_removal.go(timezone.now() + 200 * DAY)
    assert not there(store, image) and not left(going)


def test_what_was_set_aside_by_who_was_killed_is_put_back_or_goes(app, store, tmp_path):
    needed, other, half = (folder_image(store, tmp_path, text) for text in "123")
    with_folder(app, needed, active=True)
    for image in (needed, other, half):
        place = removal.set_aside(store, image.rpartition(":")[2])
        assert not there(store, image)
    place.rename(store / f"{removal.DEAD}{place.name}")
    retention.go()
    assert there(store, needed) and len(list(store.iterdir())) == 1


def test_what_a_build_had_made_before_it_failed_goes_too(app, store):
    files = {"deployer.yml": "services: {web: {build: good, command: a}, worker: {build: gone, command: b}}"}
    source = factories.tar_gz(files | {"good/file": "1"})
    build = actions.create_build(app, source=source, by=factories.actor("deployer"))
    jobs.run_build(build.pk, 1)
    build.refresh_from_db()
    assert build.status == "failed" and build.images == {} and len(list(store.iterdir())) == 1
    Build.objects.filter(pk=build.pk).update(created_at=timezone.now() - 60 * DAY)
    old(app, age=DAY)
    assert gone(app) == {build.pk} and not list(store.iterdir())
    [words] = [line.message for line in logs.after(build.owner, 0)]
    assert words.startswith("The log and the images were removed on ")


# --- Registries -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def guarded(private_registry: str) -> Iterator[WithPassword]:
    with WithPassword() as made:
        yield made


@pytest.fixture(scope="module")
def strict(private_registry: str) -> Iterator[NoDeletions]:
    with NoDeletions() as made:
        yield made


@pytest.fixture
def ours(private_registry: str) -> Registry:
    return Registry.objects.create(name="ours", address=private_registry)


def tags(address: str, repository: str) -> list[str]:
    answer = httpx.get(f"http://{address}/v2/{repository}/tags/list", auth=(USER, PASSWORD), trust_env=False)
    return sorted(json.loads(answer.content)["tags"] or [])


def test_manifests_go_from_the_registry_and_others_stay(app, guarded):
    ann = (USER, PASSWORD)
    row = Registry.objects.create(name="guarded", address=guarded.address, username=USER, password="wrong")
    going, kept = (pushed(app, guarded.address, login=ann) for _ in range(2))
    App.objects.filter(pk=app.pk).update(next_release=kept.releases.get())
    released(app, active=True)
    assert gone(app) == {going.pk}
    assert going.images_note.startswith("guarded keeps it: ") and "does not know us (401)" in going.images_note
    assert "wrong" not in going.images_note
    actions.change_registry(row, by=factories.actor("administrator"), password=PASSWORD)
    image_removal.go()
    assert tags(guarded.address, app.name) == [f"web.{kept.pk}"]
    assert not left(going) and len(left(kept)) == 1


def test_a_registry_that_refuses_to_delete_is_asked_again_after_a_day_or_once_it_is_changed(
    app, strict, deployer, client, caplog
):
    row = Registry.objects.create(name="strict", address=strict.address)
    builds = [pushed(app, strict.address) for _ in range(3)]
    released(app, active=True)

    def asked() -> int:
        return len([line for line in caplog.messages if "can't be deleted from the registry strict" in line])

    assert gone(app) == {build.pk for build in builds}
    image_removal.go()
    assert asked() == 1
    for build in builds:
        assert "strict keeps it: " in build.images_note and "unsupported" in build.images_note
        assert has_image(strict.address, app.name, build.images["web"].rpartition("@")[2])
    client.force_login(deployer.person, backend="django.contrib.auth.backends.ModelBackend")
    page = client.get("/registries/strict").content.decode()
    assert "It lets us delete no images." in page and "3 images are to go from it." in page
    assert "unsupported" in client.get("/api/registries/strict").json()["deletion_refused"]
    image_removal.go(timezone.now() + 1.1 * DAY)
    assert asked() == 2
    actions.change_registry(row, by=factories.actor("administrator"), username=USER, password=PASSWORD)
    image_removal.go()
    assert asked() == 3


def test_what_can_not_be_deleted_for_a_month_is_given_up_and_it_is_said(app, strict, deployer, client):
    row = Registry.objects.create(name="strict", address=strict.address)
    build = pushed(app, strict.address)
    released(app, active=True)
    gone(app)
    image_removal.go(timezone.now() + 31 * DAY)
    entry = AuditEntry.objects.get(action="images_left")
    assert (entry.app_name, entry.subject) == (app.name, f"1 image of {app.name}") and len(entry.detail["why"]) == 1
    image_removal.go(timezone.now() + 40 * DAY)
    assert AuditEntry.objects.filter(action="images_left").count() == 1
    client.force_login(deployer.person, backend="django.contrib.auth.backends.ModelBackend")
    assert (
        "1 image could not be deleted for a month, and is left there"
        in client.get(row.get_absolute_url()).content.decode()
    )
    actions.change_registry(row, by=factories.actor("administrator"), username=USER, password=PASSWORD)
    assert image_removal.due(timezone.now()).get().build == build.pk, "another login may be allowed to"


def test_images_whose_registry_is_unknown_wait_for_it(app, ours):
    build = pushed(app, ours.address)
    released(app, active=True)
    Registry.objects.all().delete()
    gone(app)
    assert build.images_note == "No registry that is known here has it."
    Registry.objects.create(name="again", address=ours.address)
    image_removal.go()
    assert not left(build) and not tags(ours.address, app.name)


def test_what_stands_before_a_registry_that_is_away_is_not_believed(app):
    """A proxy that says of everything that it is not there."""
    with odd_server(None) as proxy:
        address = f"127.0.0.1:{proxy.port}"
        Registry.objects.create(name="behind", address=address)
        build = factories.build(app)
        pushed_images.announce(build, f"{address}/{app.name}", tags=[f"web.{build.pk}"])
        pushed_images.let_go([build.pk])
        image_removal.go()
    assert build.images_note.startswith(f"behind keeps it: What answers at {address} is no registry (404)")


def test_an_image_that_the_manifest_names_is_nobodys_to_delete_here(app, ours):
    """It was made elsewhere, and happens to lie where the app's own would."""
    from_elsewhere = push_image(ours.address, app.name, "web.1", text="made elsewhere")
    going = released(app, images={"web": f"{ours.address}/{app.name}@{from_elsewhere}"}).build
    released(app, active=True)
    assert gone(app) == {going.pk} and has_image(ours.address, app.name, from_elsewhere)


def test_a_digest_that_a_kept_release_shares_stays_with_all_its_tags(app, ours):
    going, kept = pushed(app, ours.address, text="same"), pushed(app, ours.address, text="same")
    App.objects.filter(pk=app.pk).update(next_release=kept.releases.get())
    released(app, active=True)
    assert gone(app) == {going.pk} and not left(going)
    assert tags(ours.address, app.name) == sorted([f"web.{going.pk}", f"web.{kept.pk}"])
    App.objects.filter(pk=app.pk).update(next_release=None)
    assert gone(app) == {going.pk, kept.pk} and tags(ours.address, app.name) == []


@pytest.mark.parametrize("by", ["digest", "tag"])
def test_what_another_apps_manifest_names_stays_in_the_registry(app, ours, by):
    going = pushed(app, ours.address)
    released(app, active=True)
    tag = f"{ours.address}/{app.name}:web.{going.pk}"
    other = released(factories.app(), images={"web": going.images["web"] if by == "digest" else tag})
    gone(app)
    assert going.images_note == f"{other.build} of {other.app.name} needs it."
    assert tags(ours.address, app.name) == [f"web.{going.pk}"]


# --- Builds that came to nothing ------------------------------------------------------------------------------------


def test_what_was_pushed_before_the_end_goes_and_nobody_minds_what_was_not(app, ours):
    """A worker killed half way, or a cancel: of three services one was pushed, by a name that was known before."""
    build = factories.build(app, status="running", builder="docker")
    names = [f"{service}.{build.pk}" for service in ("web", "worker", "mail")]
    pushed_images.announce(build, f"{ours.address}/{app.name}", tags=names)
    digest = push_image(ours.address, app.name, names[0], text="half way")
    assert gone(app) == set() and has_image(ours.address, app.name, digest)
    build.transition("failed", reason="The worker died.")
    Build.objects.filter(pk=build.pk).update(created_at=timezone.now() - 60 * DAY)
    old(app, age=DAY)
    assert gone(app) == {build.pk} and not left(build)
    assert not has_image(ours.address, app.name, digest)


def test_who_was_taken_over_from_may_push_no_more(app, ours):
    build = factories.build(app, status="running")
    before = Build.objects.get(pk=build.pk)
    assert build.renew()
    with pytest.raises(Stale):
        pushed_images.announce(before, f"{ours.address}/{app.name}", tags=["web.1"])
    assert not Image.objects.exists()


def test_while_a_build_may_push_the_same_nothing_of_its_repository_goes(app, ours):
    going = pushed(app, ours.address)
    released(app, active=True)
    running = factories.build(app, status="running")
    pushed_images.announce(running, f"{ours.address}/{app.name}", tags=[f"web.{running.pk}"])
    gone(app)
    assert going.images_note == f"A build of {app.name} runs, and may push the same."
    Build.objects.filter(pk=running.pk).update(status="cancelled")
    image_removal.go()
    assert not left(going)


# --- Deleted apps ---------------------------------------------------------------------------------------------------


def test_the_images_of_a_deleted_app_go_once_the_registry_is_back(app, tmp_path, store, private_registry):
    boss, folder = factories.actor("administrator"), folder_image(store, tmp_path, "1")
    with docker_engine.Registry() as registry:
        Registry.objects.create(name="ours", address=registry.address)
        build, name = pushed(app, registry.address), app.name
        with_folder(app, folder)
        kept = pushed(factories.app(), registry.address)
        registry.process.terminate()
        registry.process.wait()
        actions.delete_app(app, by=boss, abandon=True)
        retention.go()
        assert "can't be reached" in build.images_note and not there(store, folder)
        factories.app(name)
        registry.start()
        image_removal.go()
        assert not left(build) and tags(registry.address, name) == []
        assert tags(registry.address, kept.app.name) == [f"web.{kept.pk}"]


@pytest.mark.parametrize("attempt", range(3))
def test_what_is_announced_while_its_app_is_deleted_is_not_forgotten(app, together, attempt):
    build, boss = factories.build(app, status="running"), factories.actor("administrator")
    announced, _ = together(
        lambda: pushed_images.announce(build, f"registry.example/{app.name}", tags=["web.1"]),
        lambda: actions.delete_app(app, by=boss, abandon=True),
    )
    if isinstance(announced, Stale):
        assert not Image.objects.exists()
    else:
        assert announced is None and Image.objects.get().going_from


def test_what_a_deleted_apps_build_is_still_pushing_goes_when_it_must_have_ended(app, ours):
    build = factories.build(app, status="running")
    pushed_images.announce(build, f"{ours.address}/{app.name}", tags=[f"web.{build.pk}"])
    carried, name = Build.objects.get(pk=build.pk), app.name
    actions.delete_app(app, by=factories.actor("administrator"), abandon=True)
    image_removal.go()
    assert len(left(build)) == 1
    with pytest.raises(Stale):
        pushed_images.announce(carried, f"{ours.address}/{name}", tags=[f"mail.{build.pk}"])
    digest = push_image(ours.address, name, f"web.{build.pk}", text="late")
    image_removal.go(timezone.now() + timedelta(seconds=given.BUILD_DEADLINE))
    assert not left(build) and not has_image(ours.address, name, digest)
