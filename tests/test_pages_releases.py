"""The pages of a release, of two side by side, and the step before a promote that is rarely meant."""

import re

import pytest
from pages_world import make_release, make_world, manifest, service

from releases.models import App, AuditEntry, Build, Release, Rollout, Source
from tests import factories

pytestmark = pytest.mark.django_db
SECRET = "very-secret-value"


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


def text(response):
    return response.content.decode()


def at(release, more=""):
    return f"/apps/hello/releases/{release.pk}{more}"


def active(world, release):
    """A release that has what the tests of manifests need, made the active one."""
    App.objects.filter(pk=world.app.pk).update(active_release=release)
    return release


# --- One release ----------------------------------------------------------------------------------------------------


def test_a_release_tells_what_it_is_and_shows_no_value(deployer, world):
    Build.objects.filter(pk=world.newest.build_id).update(
        repository="https://github.com/acme/hello.git", ref="refs/heads/main"
    )
    page = text(deployer.get(at(world.newest)))
    for words in (
        "A build",
        world.newest.build_id,
        "https://github.com/acme/hello/commit/0a1b2c3d4e5f",
        "Say hello",
        "web@sha256:1",
        "rolling, within 10:00",
        "services:",  # the manifest as YAML
        "SECRET_KEY",
        f"/apps/hello/releases/{world.newest.pk}/compare",
        f"/apps/hello/releases/{world.newest.pk}/run",
    ):
        assert words in page, words
    assert SECRET not in page


def test_values_are_revealed_by_a_button_which_is_written_down_and_kept_by_no_cache(client, world):
    client.force_login(world.people["viewer"])
    assert "Reveal env needs the role deployer" in text(client.get(at(world.newest)))
    assert client.post(at(world.newest, "/reveal")).status_code == 403
    client.force_login(world.people["deployer"])
    shown = client.post(at(world.newest, "/reveal"))
    assert SECRET in text(shown) and shown["Cache-Control"] == "no-store"
    [entry] = AuditEntry.objects.filter(action="reveal_env")
    assert entry.subject == world.newest.pk and entry.detail["names"] == ["ADDED", "COLOUR", "SECRET_KEY"]
    assert client.get(at(world.newest, "/reveal")).status_code == 405


def test_of_what_it_was_made_is_known_for_copies_and_changes(deployer, world):
    deployer.post("/apps/hello/env/change", {"name": "NEW", "value": "1", "change": "stage"})
    changed = Release.objects.get(description="env add:NEW")
    page = text(deployer.get(at(changed)))
    assert "A change of the variables of" in page and at(world.newest) in page
    deployer.post(at(world.old, "/rollback"))
    page = text(deployer.get(at(Release.objects.get(rolled_back_to=world.old))))
    assert "A copy, by a rollback, of" in page and at(world.old) in page


def test_every_rollout_is_told_with_who_why_and_what_went_wrong(deployer, world):
    world.rollout(world.newest, "rolled_back", reason="web exited with 1.", note="try it")
    world.rollout(world.newest, "failed", reason="Two services run nothing.")
    page = text(deployer.get(at(world.newest)))
    for words in ("Rolled back", "web exited with 1.", "“try it”", "Two services run nothing.", "1:1", "you"):
        assert words in page, words


def test_going_back_says_what_it_brings_and_what_it_does_not(deployer, world):
    App.objects.filter(pk=world.app.pk).update(staged={"LATER": "1"})
    Source.objects.create(app=world.app, url="https://git.invalid/x.git", on_push="promote", **world.actor().columns())
    page = text(deployer.get(at(world.old)))
    for words in (
        world.old.build_id,
        "sha256:1",
        "all 2, as they",
        "COLOUR changed",
        "Database migrations are not reverted.",
        "Staged variables are discarded",
        "LATER",
        "Pushes promote nothing by themselves",
        f"Roll back to {world.old.pk}",
    ):
        assert words in page, words


def test_beside_a_button_that_can_not_be_used_stands_what_the_server_says(deployer, world):
    world.release(web={"environment": {"QUEUE_URL": None}})
    release = Release.objects.first()
    page = text(deployer.get(at(release)))
    refused = deployer.post(at(release, "/promote"), HTTP_REFERER=f"http://testserver{at(release)}")
    reason = "QUEUE_URL is required by the manifest and not set"
    assert reason in page and reason in text(refused) and refused.status_code == 409
    Build.objects.filter(pk=release.build_id).update(images_removed_at="2026-01-01T00:00:00Z")
    assert text(deployer.get(at(release, "/run"))).count("were removed on 2026-01-01 by retention") == 1


# --- A promote that is rarely meant ---------------------------------------------------------------------------------


def test_an_older_release_is_promoted_only_after_a_word(deployer, world):
    Rollout.objects.filter(release=world.old).delete()
    asked = deployer.post(at(world.old, "/promote"), {"note": "on purpose"})
    page = text(asked)
    assert asked.status_code == 200 and f"{world.old.pk} is older than {world.active.pk}" in page
    assert 'value="on purpose"' in page and 'name="confirmed"' in page and 'name="replace"' not in page
    assert not Rollout.objects.filter(release=world.old).exists()
    done = deployer.post(at(world.old, "/promote"), {"note": "on purpose", "confirmed": "1"})
    rollout = Rollout.objects.get(release=world.old)
    assert done.url == rollout.get_absolute_url() and rollout.note == "on purpose"


@pytest.mark.parametrize("status", ["failed", "rolled_back"])
def test_one_that_failed_before_is_promoted_only_after_its_reason(deployer, world, status):
    rollout = world.rollout(world.newest, status, reason="web <exited> with 1.")
    page = text(deployer.post(at(world.newest, "/promote")))
    assert f"Rollout {rollout.number} of it" in page and "web &lt;exited&gt; with 1." in page
    assert "web &lt;exited&gt; with 1." in text(deployer.get(at(world.newest)))
    assert deployer.post(at(world.newest, "/promote"), {"confirmed": "1"}).status_code == 302


def test_what_is_refused_anyway_is_not_asked_about_and_a_choice_to_replace_is_kept(deployer, world):
    world.rollout(world.newest, "failed", reason="no")
    other = world.release(env={"A": "1"})
    running = world.rollout(other, "rolling")
    refused = deployer.post(at(world.newest, "/promote"))
    assert refused.status_code == 409 and f"Rollout {running.number} of hello" in text(refused)
    assert 'name="replace" value="1"' in text(deployer.post(at(world.newest, "/promote"), {"replace": "1"}))
    running.refresh_from_db()
    assert running.status == "rolling"
    assert deployer.post(at(world.newest, "/promote"), {"replace": "1", "confirmed": "1"}).status_code == 302
    running.refresh_from_db()
    assert running.status == "superseded"


# --- Two side by side -----------------------------------------------------------------------------------------------


def test_two_releases_are_compared_by_group_without_values(deployer, world):
    old = active(world, make_release(world.app, by=world.actor(), env={"GONE": "a-secret-1"}, web={"memory": 256}))
    new = make_release(
        world.app, by=world.actor(), env={"NEW": "a-secret-2"}, web={"domain": ["a.example"]}, worker={"count": 2}
    )
    Release.objects.filter(pk=new.pk).update(images={"web": "web@sha256:2", "worker": "w@sha256:3"})
    page = text(deployer.get(at(new, "/compare")))
    for words in (
        f"Compared with {old.pk}, the active release",
        "+ NEW",
        "− GONE",
        "+ a.example",
        "scale memory",
        "the whole service",
        "web@sha256:2",
        f"--- {old.pk}",  # the manifests as lines
        f"/compare?with={new.pk}",  # swap
    ):
        assert words in page, words
    assert re.search(r">- +memory: 256<", page) and re.search(r">\+ +memory: 512<", page)
    assert "a-secret" not in page
    swapped = text(deployer.get(at(old, "/compare"), {"with": new.pk}))
    assert "+ GONE" in swapped and "− NEW" in swapped and "− a.example" in swapped


def test_values_of_what_differs_are_revealed_and_written_down_for_both(client, world):
    given = {"with": world.active.pk}
    client.force_login(world.people["viewer"])
    assert client.post(at(world.newest, "/compare/reveal"), given).status_code == 403
    client.force_login(world.people["deployer"])
    shown = client.post(at(world.newest, "/compare/reveal"), given)
    page = text(shown)
    assert shown["Cache-Control"] == "no-store" and ">green<" in page and ">red<" in page and SECRET not in page
    told = {entry.subject: entry.detail["names"] for entry in AuditEntry.objects.filter(action="reveal_env")}
    assert told == {world.newest.pk: ["ADDED", "COLOUR"], world.active.pk: ["COLOUR"]}


def test_the_same_is_said_to_be_the_same_and_a_first_release_has_no_other(deployer, world):
    copy = Release.objects.create(
        app=world.app,
        build=world.active.build,
        manifest=world.active.manifest,
        images=world.active.images,
        env=world.active.env,
        description="copy",
        **world.actor().columns(),
    )
    assert "They are the same" in text(deployer.get(at(copy, "/compare")))
    # The active one is compared with the one before it.
    assert f"Compared with {world.old.pk}" in text(deployer.get(at(world.active, "/compare")))
    App.objects.create(name="lone", cluster=world.app.cluster, **world.actor().columns())
    lone = make_release(App.objects.get(name="lone"), by=world.actor())
    assert "Nothing to compare it with" in text(deployer.get(f"/apps/lone/releases/{lone.pk}/compare"))


def test_any_release_of_the_app_may_be_typed_and_nothing_else(deployer, world):
    other = App.objects.create(name="other", cluster=world.app.cluster, **world.actor().columns())
    foreign = make_release(other, by=world.actor())
    assert (
        deployer.get(at(world.newest, f"/compare?with={world.active.pk}&with={world.old.pk.lower()}")).context["old"]
        == world.old
    )
    for odd in (foreign.pk, "RAAAAAAAAAA", "x" * 5000, "\x00", "<b>", "٣", "../..", "%00"):
        response = deployer.get(at(world.newest, "/compare"), {"with": odd})
        assert response.status_code == 404, odd
        assert deployer.post(at(world.newest, "/compare/reveal"), {"with": odd}).status_code == 404, odd
    assert deployer.post(at(world.newest, "/compare/reveal")).status_code == 404


def test_a_large_manifest_is_compared_in_part(deployer, world):
    many = {f"service-{number}": service(environment={f"V{each}": "x" for each in range(30)}) for number in range(80)}
    large = manifest()
    large["services"] |= many
    release = Release.objects.create(
        app=world.app,
        build=world.newest.build,
        manifest=large,
        images={},
        env={},
        description="large",
        **world.actor().columns(),
    )
    assert "lines more" in text(deployer.get(at(release, "/compare")))


@pytest.mark.parametrize("path", ["", "/compare", "/run"])
def test_the_number_of_queries_does_not_grow_with_the_rows(
    deployer, world, path, django_assert_num_queries, django_assert_max_num_queries
):
    with django_assert_max_num_queries(22) as few:
        deployer.get(at(world.newest, path))
    for number in range(12):
        release = world.release(env={"A": str(number)})
        world.rollout(release, "rolled_back", reason="no")
        world.rollout(world.newest, "rolled_back", reason="no")
    AuditEntry.objects.bulk_create(
        AuditEntry(action="run", kind="processes", app_name="hello", by_label="ann") for _ in range(9)
    )
    with django_assert_max_num_queries(len(few)):
        deployer.get(at(world.newest, path))


# --- A command ------------------------------------------------------------------------------------------------------


def test_a_command_that_makes_no_sense_comes_back_with_the_reason(deployer, world):
    for given, words in (
        ({"command": "'open"}, "split into words"),
        ({"command": ""}, "command: This field is required."),
        ({"command": "true", "service": "nobody"}, "has no service nobody"),
        ({"command": "true", "minutes": "0"}, "minutes"),
        ({"command": "true", "minutes": "9" * 40}, "minutes"),
        ({"command": "true", "minutes": "1441"}, "may take 1 to"),
        ({"command": "a\x00b"}, "command"),
    ):
        response = deployer.post(at(world.newest, "/run"), given)
        assert response.status_code == 422 and words in text(response), given
    kept = text(deployer.post(at(world.newest, "/run"), {"command": "echo <hi>", "service": "nobody", "minutes": "5"}))
    assert 'value="echo &lt;hi&gt;"' in kept and 'value="5"' in kept
    assert deployer.post(at(world.newest, "/run"), {"command": "true"}).status_code == 503  # no cluster here


def test_who_may_only_look_may_not_run_nor_read_what_others_typed(client, world):
    factories.person("deployer", "bob")
    AuditEntry.objects.create(
        action="run",
        app_name="hello",
        subject=world.old.pk,
        detail={"service": "web", "command": "vacuum --password hunter22"},
        **world.actor().columns(),
    )
    client.force_login(world.people["viewer"])
    page = text(client.get(at(world.newest, "/run")))
    assert "Run needs the role deployer" in page and "a-deployer ran a command" in page and "hunter22" not in page
    refused = client.post(at(world.newest, "/run"), {"command": "true"})
    assert refused.status_code == 403 and "Run needs the role deployer" in text(refused)
    for role in ("deployer", "administrator"):  # who typed it, and who reads the audit
        client.force_login(world.people[role])
        assert "hunter22" in text(client.get(at(world.newest, "/run"))), role
