"""Builds: an upload is taken or refused whole; cancelling works at any moment and leaves nothing behind."""

import io

import django_rq
import pytest

from releases import actions, logs, policy
from releases.errors import Invalid, WrongState
from releases.models import App, AuditEntry, Build, Release, Rollout
from releases.pipeline import deployer_yml
from releases.pipeline.build import Result, upload_of
from tests import factories

pytestmark = pytest.mark.django_db


def uploads(own_home):
    folder = own_home / "uploads"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def result(manifest=factories.MANIFEST):
    return Result(deployer_yml.parse(manifest), {"web": factories.IMAGE})


def test_a_build_is_queued_with_its_source(app, deployer, own_home):
    source = factories.tar_gz({"app.py": "print(1)"})
    build = actions.create_build(
        app,
        source=source,
        by=deployer,
        commit="0a1b2c3d4e5f",
        subject="My message\n\nwith more",
        dirty=True,
        promote=True,
        note="why",
    )
    build.refresh_from_db()
    assert (build.status, build.epoch, build.taken, build.promote, build.note) == ("queued", 1, False, True, "why")
    assert build.title == "build 0a1b2c3d4e+ My message"
    assert uploads(own_home) == [f"{build.pk}.tar.gz"]
    assert upload_of(build).read_bytes() == source.getvalue()
    assert build.source_bytes == len(source.getvalue())


@pytest.mark.django_db(transaction=True)
def test_a_job_waits_for_it(redis):
    build = actions.create_build(factories.app(), source=factories.tar_gz({"a": ""}), by=policy.SYSTEM)
    assert django_rq.get_queue("builds").get_job_ids() == [f"build-{build.pk}-1"]


@pytest.mark.parametrize("data", [b"", b"\x1f", b"PK\x03\x04", b"hello", b"\x8b\x1f\x00"])
def test_what_is_no_gzip_is_refused_and_nothing_is_kept(app, deployer, own_home, data):
    with pytest.raises(Invalid, match=r"not a \.tar\.gz archive"):
        actions.create_build(app, source=io.BytesIO(data), by=deployer)
    assert not Build.objects.exists() and not AuditEntry.objects.exists() and uploads(own_home) == []


@pytest.mark.parametrize(("size", "fits"), [(1024**2, True), (1024**2 + 1, False), (3 * 1024**2, False)])
def test_what_is_too_large_is_refused_and_nothing_is_kept(app, deployer, own_home, settings, size, fits):
    settings.UPLOAD_MAX_BYTES = 1024**2
    source = io.BytesIO(b"\x1f\x8b" + bytes(size - 2))
    if fits:
        assert actions.create_build(app, source=source, by=deployer).source_bytes == size
        return
    with pytest.raises(Invalid, match="larger than 1 MiB"):
        actions.create_build(app, source=source, by=deployer)
    assert not Build.objects.exists() and uploads(own_home) == []


def test_a_sender_who_goes_away_half_way_leaves_nothing(app, deployer, own_home):
    class Broken(io.BytesIO):
        def read(self, size=-1):
            if self.tell():
                raise ConnectionError("gone")
            return super().read(size)

    with pytest.raises(ConnectionError):
        actions.create_build(app, source=Broken(b"\x1f\x8b more"), by=deployer)
    assert not Build.objects.exists() and uploads(own_home) == []


def test_words_of_any_length_are_cut_to_what_fits(app, deployer):
    build = actions.create_build(
        app,
        source=factories.tar_gz(),
        by=deployer,
        description="d" * 1000,
        commit="c" * 1000,
        subject="s" * 1000,
        note="n" * 1000,
    )
    assert (len(build.description), len(build.commit), len(build.subject), len(build.note)) == (300, 40, 200, 500)


# --- Cancel ---------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_build_that_waits_is_cancelled_at_once_and_its_source_goes(own_home):
    app, deployer = factories.app(), factories.actor("deployer")
    build = actions.create_build(app, source=factories.tar_gz({"a": ""}), by=deployer)
    actions.cancel_build(build, by=deployer)
    build.refresh_from_db()
    assert build.status == "cancelled" and deployer.label in build.reason
    assert Build.take(build.pk, 1) is None
    assert uploads(own_home) == [], "the upload of a build that never runs lies there for ever"


def test_a_build_that_runs_is_asked_to_stop(app, deployer):
    build = factories.build(app, status="running")
    actions.cancel_build(build, by=deployer)
    build.refresh_from_db()
    assert build.status == "running" and build.cancel_requested_at is not None


@pytest.mark.parametrize("status", ["succeeded", "failed", "cancelled", "superseded"])
def test_a_build_that_is_over_is_not_cancelled(app, deployer, status):
    build = factories.build(app, status=status)
    with pytest.raises(WrongState, match=f"is over already: {status}"):
        actions.cancel_build(build, by=deployer)
    assert not AuditEntry.objects.exists()


# --- Finish ---------------------------------------------------------------------------------------------------------


def test_a_finished_build_is_a_release_with_what_was_staged(app, deployer):
    factories.active(app, env={"A": "1", "B": "1"})
    App.objects.filter(pk=app.pk).update(staged={"B": None, "C": "2"})
    build = factories.build(app, by=deployer, status="running", commit="0a1b2c3d4e5f", subject="say hello")
    release = actions.finish_build(build, result())
    build.refresh_from_db()
    assert (build.status, build.images, build.reason) == (
        "succeeded",
        {"web": factories.IMAGE},
        f"Release {release.pk}.",
    )
    assert release.env == {"A": "1", "C": "2"}
    assert (release.description, release.by) == ("build 0a1b2c3d4e say hello", deployer.person)
    assert [line.message for line in logs.after(build.owner, 0)] == [f"Build: {build.pk}", f"Release: {release.pk}"]
    assert not Rollout.objects.filter(status="queued").exists()


def test_the_promote_that_was_asked_for_begins_with_the_rights_of_today(app):
    person = factories.person("deployer")
    build = factories.build(app, by=policy.actor_for(person), status="running", promote=True, note="why")
    release = actions.finish_build(build, result())
    rollout = Rollout.objects.get()
    assert (rollout.release, rollout.note, rollout.by) == (release, "why", person)
    person.role = "viewer"
    person.save()
    again = Build.objects.create(
        app=factories.app(), status="running", promote=True, by=person, by_label=person.username
    )
    actions.finish_build(again, result())
    again.refresh_from_db()
    assert (again.status, again.refusals) == ("succeeded", ["Promote needs the role deployer, here or in general."])


def test_a_promote_that_is_refused_leaves_the_release_and_its_reasons(app, deployer):
    factories.rollout(factories.release(app), status="rolling")
    build = factories.build(app, by=deployer, status="running", promote=True)
    release = actions.finish_build(build, result("environment: [KEY]\nservices: {web: {command: a}}"))
    build.refresh_from_db()
    assert build.status == "succeeded" and len(build.refusals) == 2
    messages = [line.message for line in logs.after(build.owner, 0)]
    assert messages[-2:] == [f"Not promoted: {reason}" for reason in build.refusals]
    assert Release.objects.filter(pk=release.pk).exists() and app.rollouts.count() == 1


def test_a_worker_that_was_taken_over_from_makes_no_release(app):
    from releases.errors import DeployerError

    build = factories.build(app, status="running", promote=True)
    dead = Build.objects.get(pk=build.pk)
    assert build.renew()
    with pytest.raises(DeployerError):
        actions.finish_build(dead, result())
    assert not Release.objects.exists() and not Rollout.objects.exists() and not logs.after(build.owner, 0)


def test_a_build_is_not_finished_twice(app):
    from releases.errors import DeployerError

    build = factories.build(app, status="running")
    copy = Build.objects.get(pk=build.pk)
    actions.finish_build(build, result())
    with pytest.raises(DeployerError):
        actions.finish_build(copy, result())
    assert app.releases.count() == 1 and len(logs.after(build.owner, 0)) == 2
