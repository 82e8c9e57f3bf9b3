"""The threads that carry rollouts: taken once, kept alive by one heart, handed over; on a real embedded cluster."""

import itertools
import re
import socket
import sys
import threading
from datetime import timedelta

import django_rq
import pytest
from django.utils import timezone

from releases import actions
from releases.clients.cluster import Cluster, connect
from releases.clients.images import DirectoryBuilder
from releases.host import Host
from releases.models import App, LogLine, Release, Rollout
from releases.models import Cluster as Row
from releases.pipeline import operate, reach
from tests import factories
from tests.certificates import Authority, kubeconfig
from tests.clusters import eventually, started
from tests.ports import free_port

pytestmark = pytest.mark.django_db(transaction=True)
# Nobody listens on its port, so that it starts for as long as we like.
MANIFEST = f"""
services:
  web:
    command: [{sys.executable}, -I, -S, stays.py]
    port: 8080
    termination: {{grace: 0}}
"""
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def process(tmp_path_factory):
    running = started(tmp_path_factory.mktemp("cluster"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def image(process, tmp_path_factory):
    source = tmp_path_factory.mktemp("source")
    (source / "stays.py").write_text("import time\ntime.sleep(3600)\n")
    builder = DirectoryBuilder(process.folder / "images")
    return builder.build(source, app="hello", path=".", dockerfile_name="Dockerfile", say=lambda line: None)


@pytest.fixture
def cluster(process, own_home, settings) -> Cluster:
    settings.DEPLOYER_KUBECONFIG = str(process.kubeconfig)
    settings.HEARTBEAT_SECONDS = 0.05
    return connect(process.kubeconfig)


@pytest.fixture
def app(cluster, db):
    made = factories.app(f"hosted-{next(_numbers)}")
    yield made
    operate.remove(made)


@pytest.fixture
def rollout(app, image) -> Rollout:
    release = factories.release(app, manifest=MANIFEST)
    Release.objects.filter(pk=release.pk).update(images={"web": image})
    return factories.rollout(Release.objects.get(pk=release.pk))


@pytest.fixture
def host(db):
    """Its end is asserted: nothing of it may write into the next test's database."""
    made = Host()
    yield made
    made.hand_over(30)
    if made.heart:
        made.heart.join(30)
        assert not made.heart.is_alive()
    assert not made.threads and not made.carried
    if made.tender:
        made.tender.join(30)
        assert not made.tender.is_alive()
    retire(made)


def retire(host):
    for mirror in host.mirrors.values():
        mirror.retire()


def mirror_of(host, rollout):
    return host.mirrors[rollout.app.cluster_id]


def stored(rollout) -> Rollout:
    return Rollout.objects.get(pk=rollout.pk)


def is_rolling(rollout):
    return stored(rollout).status == "rolling" and stored(rollout).progress.get("applied")


def beats(rollout):
    """Whether somebody keeps it alive, seen anew."""
    long_ago = timezone.now() - timedelta(hours=1)
    Rollout.objects.filter(pk=rollout.pk).update(heartbeat=long_ago)
    eventually(lambda: stored(rollout).heartbeat > long_ago)
    return True


def abort(rollout):
    Rollout.objects.filter(pk=rollout.pk).update(abort_requested_at=timezone.now(), abort_by="Ann")
    eventually(lambda: stored(rollout).is_finished)


def test_a_rollout_is_carried_to_its_end_and_let_go(host, rollout):
    host.take(rollout.pk, 1)
    eventually(lambda: is_rolling(rollout))
    assert beats(rollout)
    abort(rollout)
    assert stored(rollout).status == "rolled_back"
    assert "Aborted by Ann." in stored(rollout).reason
    eventually(lambda: not host.carried and not host.threads)


def test_one_epoch_is_carried_once_however_often_it_is_given(host, rollout, together):
    together(*[lambda: host.take(rollout.pk, 1)] * 5)
    assert len(host.threads) == 1
    host.take(rollout.pk, 7)  # an epoch that nobody enqueued
    assert len(host.threads) == 1
    eventually(lambda: is_rolling(rollout))
    abort(rollout)
    told = LogLine.objects.filter(owner=rollout.owner, message__startswith="Status: ")
    words = list(told.order_by("number").values_list("message", flat=True))
    assert words == ["Status: Stopped => Pending", "Status: Pending => Updating", *words[2:]]
    assert len(words) == len(set(words)) == 4


def test_the_end_of_an_older_epoch_does_not_stop_the_heart_of_the_newer(host, rollout):
    host.take(rollout.pk, 1)
    eventually(lambda: is_rolling(rollout))
    older = host.threads[rollout.pk]
    again = stored(rollout)
    assert again.renew()  # the reaper took it for dead, and its job came back to this very process
    host.take(rollout.pk, 2)
    newer = host.threads[rollout.pk]
    assert newer is not older
    older.join(30)
    assert not older.is_alive(), "the older epoch goes on writing"
    assert host.threads.get(rollout.pk) is newer and newer.is_alive()
    assert host.carried[rollout.pk].epoch == 2
    assert beats(rollout)
    abort(rollout)
    assert (stored(rollout).status, stored(rollout).epoch) == ("rolled_back", 2)


def test_the_heart_beats_for_all_and_not_for_what_was_taken_over(host, rollout):
    host.take(rollout.pk, 1)
    eventually(lambda: is_rolling(rollout))
    again = stored(rollout)
    assert again.renew()
    lost = timezone.now() - timedelta(hours=1)
    Rollout.objects.filter(pk=rollout.pk).update(heartbeat=lost)
    eventually(lambda: not host.carried)  # it has noticed
    assert stored(rollout).heartbeat == lost
    assert stored(rollout).status == "rolling", "it wrote what was no longer its own"


def test_a_host_that_stops_hands_over_and_takes_nothing_more(redis, host, rollout):
    host.take(rollout.pk, 1)
    eventually(lambda: is_rolling(rollout))
    host.hand_over(30)
    assert not host.carried
    after = stored(rollout)
    assert (after.status, after.epoch, after.taken) == ("rolling", 2, False)
    assert django_rq.get_queue("rollouts").get_job_ids() == [f"rollout-{rollout.pk}-2"]
    host.take(rollout.pk, 2)
    assert not stored(rollout).taken


def test_one_that_waits_for_an_answer_is_handed_over_all_the_same(redis, host, rollout, process, own_home, settings):
    """Its worker can't be asked to let go; but the pen is taken from it."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        kubeconfig = own_home / "deaf"
        port = deaf.getsockname()[1]
        kubeconfig.write_text(re.sub(r"127\.0\.0\.1:\d+", f"127.0.0.1:{port}", process.kubeconfig.read_text()))
        there, settings.DEPLOYER_KUBECONFIG = settings.DEPLOYER_KUBECONFIG, str(kubeconfig)
        host.take(rollout.pk, 1)
        asked, _ = deaf.accept()
        host.hand_over(0.2)
        after = stored(rollout)
        assert (after.epoch, after.taken) == (2, False)
        assert django_rq.get_queue("rollouts").get_job_ids() == [f"rollout-{rollout.pk}-2"]
        asked.close()
    settings.DEPLOYER_KUBECONFIG = there


def test_another_worker_goes_on_where_the_first_stopped(redis, host, rollout):
    first = Host()
    first.take(rollout.pk, 1)
    eventually(lambda: is_rolling(rollout))
    before = stored(rollout)
    first.hand_over(10)
    host.take(rollout.pk, 2)
    assert beats(rollout)
    abort(rollout)
    ended = stored(rollout)
    assert (ended.status, ended.epoch, ended.started_at) == ("rolled_back", 2, before.started_at)
    words = list(LogLine.objects.filter(owner=rollout.owner).values_list("message", flat=True))
    assert words.count("Status: Pending => Updating") == 1
    assert App.objects.get(pk=rollout.app_id).active_release is None
    retire(first)


def test_without_a_queue_the_rollout_waits_for_the_reaper(host, rollout):
    host.take(rollout.pk, 1)
    eventually(lambda: is_rolling(rollout))
    host.hand_over(10)
    after = stored(rollout)
    assert (after.status, after.taken) == ("rolling", False)
    assert after.heartbeat > timezone.now() - timedelta(minutes=1)


def test_a_rollout_waits_for_a_cluster_that_is_not_there_yet(host, rollout, own_home, settings):
    there, settings.DEPLOYER_KUBECONFIG = settings.DEPLOYER_KUBECONFIG, str(own_home / "not-yet")
    host.warm_up()  # harmless
    host.take(rollout.pk, 1)
    assert beats(rollout)
    assert stored(rollout).status == "queued"
    told = LogLine.objects.filter(owner=rollout.owner, message__startswith="Waiting for the cluster: ")
    eventually(lambda: told.count() == 1)
    settings.DEPLOYER_KUBECONFIG = there
    eventually(lambda: is_rolling(rollout))
    # Else the time that it was away would count against the release.
    assert LogLine.objects.filter(owner=rollout.owner, message__startswith="The cluster answers again, after ").exists()
    abort(rollout)


def test_a_rollout_that_is_taken_over_or_deleted_while_its_cluster_can_not_be_reached_is_let_go(
    host, rollout, own_home, settings
):
    there, settings.DEPLOYER_KUBECONFIG = settings.DEPLOYER_KUBECONFIG, str(own_home / "not-there")
    other = factories.rollout(factories.release(factories.app(f"hosted-{next(_numbers)}"), manifest=MANIFEST))
    for each in (rollout, other):
        host.take(each.pk, 1)
        assert beats(each)
    assert stored(rollout).renew()
    App.objects.get(pk=other.app_id).delete()
    eventually(lambda: not host.carried)
    settings.DEPLOYER_KUBECONFIG = there


def test_a_restore_that_waits_for_its_cluster_is_let_go_when_its_app_is_deleted(host, cluster, db):
    text = kubeconfig(f"https://127.0.0.1:{free_port()}", authority=Authority().certificate, token="none")
    row = factories.cluster("gone", kind="kubeconfig", kubeconfig=reach.checked(text))
    app = factories.app(f"hosted-{next(_numbers)}", cluster=row)
    waiting = factories.rollout(factories.release(app, manifest=MANIFEST))
    since = {"restore_since": timezone.now().isoformat()}
    Rollout.objects.filter(pk=waiting.pk).update(status="rolling_back", progress=since)
    host.take(waiting.pk, 1)
    eventually(lambda: "away_since" in stored(waiting).progress)
    app.delete()
    eventually(lambda: not host.carried)


def test_a_kubeconfig_that_changed_is_a_new_mirror_and_the_old_one_ends_with_its_last_rollout(
    host, rollout, process, own_home, settings
):
    host.take(rollout.pk, 1)
    eventually(lambda: is_rolling(rollout))
    old = mirror_of(host, rollout)
    moved = own_home / "moved"
    moved.write_bytes(process.kubeconfig.read_bytes())
    settings.DEPLOYER_KUBECONFIG = str(moved)
    host.warm_up()
    assert mirror_of(host, rollout) is not old and old.retired and not old.stopped.is_set()
    abort(rollout)
    assert old.stopped.wait(30)


def test_all_rollouts_of_a_worker_share_one_set_of_watches(host, rollout, image):
    other = factories.app(f"hosted-{next(_numbers)}")
    release = factories.release(other, manifest=MANIFEST)
    Release.objects.filter(pk=release.pk).update(images={"web": image})
    second = factories.rollout(Release.objects.get(pk=release.pk))
    before = sum(thread.name.startswith("watch-") for thread in threading.enumerate())
    for each in (rollout, second):
        host.take(each.pk, 1)
    for each in (rollout, second):
        eventually(lambda each=each: is_rolling(each))
    assert sum(thread.name.startswith("watch-") for thread in threading.enumerate()) - before <= 5
    assert len(mirror_of(host, rollout).followers) == 2
    for each in (rollout, second):
        abort(each)
    operate.remove(other)


def test_the_next_begins_when_what_runs_has_ended(host, rollout):
    release = factories.release(rollout.app, manifest=MANIFEST)
    actions.promote_when_free(release, by=factories.actor("deployer"))
    host.take(rollout.pk, 1)
    eventually(lambda: is_rolling(rollout))
    assert App.objects.get(pk=rollout.app_id).next_release == release
    abort(rollout)
    following = eventually(lambda: App.objects.get(pk=rollout.app_id).unfinished_rollout)
    assert (following.release, following.number) == (release, rollout.number + 1)


def test_a_cluster_that_is_away_delays_no_rollout_in_another(host, rollout, image, tmp_path_factory):
    """Two clusters, one of them stopped: each has its own watches."""
    other = started(tmp_path_factory.mktemp("other"))
    text = other.kubeconfig.read_text()
    other.stop()
    away = factories.cluster("away", kind="kubeconfig", kubeconfig=reach.checked(text))
    lost = factories.app(f"hosted-{next(_numbers)}", cluster=away)
    release = factories.release(lost, manifest=MANIFEST)
    waiting = factories.rollout(release)
    host.warm_up()
    host.take(waiting.pk, 1)
    eventually(lambda: LogLine.objects.filter(owner=waiting.owner, message__startswith="Waiting for the cluster"))
    host.take(rollout.pk, 1)
    eventually(lambda: is_rolling(rollout))
    assert stored(waiting).status == "queued"
    abort(rollout)
    assert stored(rollout).status == "rolled_back"
    assert set(host.mirrors) == {rollout.app.cluster_id, away.pk}
    host.take(waiting.pk, 1)  # once more: it is carried already
    assert beats(waiting)


def test_a_mirror_is_retired_when_its_rows_access_changes_or_the_row_goes(host, process, settings, cluster, db):
    settings.CLUSTER_CHECK_SECONDS = 0.05
    checked = reach.checked(process.kubeconfig.read_text())
    row = factories.cluster("far", kind="kubeconfig", kubeconfig=checked)
    host.warm_up()
    first = eventually(lambda: host.mirrors.get(row.pk))
    Row.objects.filter(pk=row.pk).update(kubeconfig=checked.replace("https://127.0.0.1", "https://localhost"))
    eventually(lambda: host.mirrors[row.pk] is not first)
    second = host.mirrors[row.pk]
    assert first.stopped.wait(30) and not second.stopped.is_set()
    key, _ = row.pk, row.delete()
    eventually(lambda: key not in host.mirrors)
    assert second.stopped.wait(30)
