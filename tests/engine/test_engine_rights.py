"""All that Deployer does, under the rights of `deploy/rbac.yaml` alone; and what it says when one is missing."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deployer.home import write_private
from releases import actions, policy
from releases.clients.cluster import Cluster, connect
from releases.clients.mirror import Mirror
from releases.models import Release, Rollout
from releases.pipeline import manifests
from tests import factories
from tests.authorizing import BASIC, Authorizer, Right, granted
from tests.clusters import eventually
from tests.engine.doctor import written
from tests.faults.proxy import Proxy

logging.getLogger("httpx").setLevel(logging.WARNING)
pytestmark = pytest.mark.django_db(transaction=True)
MIGRATES = "print('migrated', flush=True)"
SLEEPS = "import time; print('begun', flush=True); time.sleep(60)"


@pytest.fixture(scope="module")
def proxy(process) -> Iterator[Proxy]:
    made = Proxy(process.kubeconfig, process.folder / "home" / "credentials")
    made.trouble = authorizer(made)
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def kubeconfig(proxy, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("guarded") / "kubeconfig"
    write_private(path, proxy.kubeconfig())
    return path


@pytest.fixture(scope="module")
def mirror(kubeconfig) -> Iterator[Mirror]:
    made = Mirror(connect(kubeconfig), labels=manifests.OURS, prefix="deployer-", patience=1.5)
    made.start()
    yield made
    made.retire()


@pytest.fixture
def cluster(kubeconfig, settings) -> Cluster:
    settings.DEPLOYER_KUBECONFIG = str(kubeconfig)
    return connect(kubeconfig)


def authorizer(proxy: Proxy, *missing: Right) -> Authorizer:
    return Authorizer(granted() - set(missing), upstream=proxy.upstream, trust=proxy.trust)


@contextmanager
def without(proxy: Proxy, *missing: Right) -> Iterator[Authorizer]:
    """While the account lacks these rights. Open watches are asked for anew."""
    before, proxy.trouble = proxy.trouble, authorizer(proxy, *missing)
    proxy.cut()
    try:
        yield proxy.trouble
    finally:
        proxy.trouble = before
        proxy.cut()


def whole(world) -> Release:
    """With a release command, a process and what leads to it."""
    return world.release("web", file="serves", port=8080, command=MIGRATES)


def succeeded(rollout: Rollout) -> Rollout:
    assert rollout.status == "succeeded", rollout.reason
    return rollout


def rolled_back_to(world, release) -> Release:
    rollout = actions.rollback(release, by=policy.SYSTEM)
    succeeded(world.worker(Rollout.objects.get(pk=rollout.pk)).end())
    back = world.active_release()
    assert back.rolled_back_to == release
    return back


def secrets_named(cron_job) -> str:
    return str(cron_job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["envFrom"])


def ships(world, every_key) -> None:
    """A release of every key is there, changed, failed and back, rolled back to."""

    def processes(release):
        return [("web", release.pk)] * 2 + [("worker", release.pk)]

    first = every_key(watched=True)
    assert "Scaled to 0, so not verified: cache." in succeeded(world.carried(first)).reason
    there = world.written()
    assert there == {
        "PersistentVolumeClaim": {"worker-data"},
        "Service": {"web", "cache"},
        "Deployment": {"web", "worker", "cache"},
        "CronJob": {"nightly"},
        "Ingress": {"web"},
        "HorizontalPodAutoscaler": {"web"},
        "PodDisruptionBudget": {"web", "worker", "cache"},
    }
    assert world.running() == processes(first) and world.differing(first) == []
    volume = world.get("PersistentVolumeClaim", "worker-data")["metadata"]["uid"]

    second = every_key(MOTTO="swift")
    ended = succeeded(world.carried(second))
    assert "worker has a volume: its process stops before the next one starts." in world.log(ended)
    assert world.running() == processes(second)
    assert manifests.secret_name(second.pk) in secrets_named(world.get("CronJob", "nightly"))

    ended = world.carried(every_key(broken=True))
    assert (ended.status, ended.cause, bool(ended.evidence)) == ("rolled_back", "exits", True), ended.reason
    assert world.running() == processes(second)
    assert world.written() == there and world.differing(second) == []

    back = rolled_back_to(world, first)
    assert world.running() == processes(back)
    assert world.written() == there and world.differing(back) == []
    assert world.get("PersistentVolumeClaim", "worker-data")["metadata"]["uid"] == volume


def is_looked_after(world, client) -> None:
    """Asked about, stopped, restarted, scaled, aborted in the middle of a release command, and deleted, by a person."""
    person = factories.person("administrator")
    by = policy.actor_for(person)
    seen, findings = actions.test_cluster(world.app.cluster, by=by)
    assert seen.problem == "" and {finding.state for finding in findings} == {"ok"}
    assert actions.processes(world.app, by=by)
    actions.remove_domain(actions.add_domain(world.app, f"own.{world.app.name}.example.com", by=by), by=by)
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    assert "worker: 1 ready" in client.get(f"/apps/{world.app.name}").content.decode()
    actions.stop_process(world.app, actions.processes(world.app, by=by)[0].name, by=by)
    actions.restart(world.app, by=by)
    for count in (0, 1):
        actions.scale(world.app, "worker", count, by=by)
    succeeded(world.carried(world.release("worker")))  # all else is pruned
    stuck = world.promote(world.release("worker", deployment={"verify": 30}))
    world.worker(stuck)
    world.reaches(stuck, "rolling", applied=True)
    command = world.promote(world.release("worker", command=SLEEPS), replace=True)
    worker = world.worker(command)
    eventually(lambda: "begun" in world.log(command, "release-command"))
    actions.abort(command, by=by)
    assert worker.end().status == "rolled_back"
    actions.delete_app(world.app, by=by)


def test_the_life_of_an_app_that_uses_every_key_needs_each_right_that_is_granted_and_no_other(
    world, every_key, proxy, client, process
):
    world.cluster = connect(process.kubeconfig)  # our own looks are none of its calls
    ships(world, every_key)
    is_looked_after(world, client)
    rules: Authorizer = proxy.trouble
    assert rules.refused == []
    assert granted() - set(rules.used) == set()
    assert set(rules.used) - granted() <= BASIC


# --- One is missing -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("right", "words"),
    [
        (("", "namespaces", "create"), 'cannot create resource "namespaces" in API group "" at the cluster scope.'),
        (("", "secrets", "patch"), 'cannot patch resource "secrets" in API group ""'),
        (("apps", "deployments", "create"), 'cannot create resource "deployments" in API group "apps"'),
        (("", "pods", "watch"), 'cannot watch resource "pods" in API group "" at the cluster scope.'),
        (("batch", "jobs", "patch"), 'cannot patch resource "jobs" in API group "batch"'),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_without_a_right_a_rollout_ends_before_it_changes_anything_and_says_which(world, proxy, mirror, right, words):
    with without(proxy, right):
        ended = world.carried(whole(world))
    assert ended.status == "failed" and words in ended.reason, ended.reason
    assert ended.reason.endswith(". Nothing that runs was changed.")
    assert ended.cause == "refused" and "docs/kubernetes.md" in ended.hint
    assert world.running() == [] and world.names("Deployment") == set()
    eventually(lambda: not mirror.problems)
    succeeded(world.carried(whole(world)))


def test_a_right_that_is_taken_away_half_way_is_named_and_the_restore_ends(world, proxy, mirror):
    good = world.active("worker", deadline=8)
    rollout = world.promote(world.release("worker", deployment={"verify": 30}, deadline=8))
    worker = world.worker(rollout)
    world.reaches(rollout, "rolling", applied=True)
    with without(proxy, ("", "pods", "watch"), ("", "pods", "list")):
        ended = worker.end()
    assert ended.status == "failed" and "The restore failed too: " in ended.reason, ended.reason
    assert 'cannot list resource "pods"' in ended.reason and "docs/kubernetes.md" in ended.hint
    assert world.running()
    eventually(lambda: not mirror.problems)
    succeeded(world.carried(good))


def test_without_the_right_to_read_logs_the_rollout_goes_on(world, proxy):
    with without(proxy, ("", "pods/log", "get")):
        ended = succeeded(world.carried(whole(world)))
    (line,) = (line for line in world.log(ended) if "could not be read" in line)
    assert 'cannot get resource "pods/log"' in line


def test_without_the_right_to_read_logs_the_last_lines_are_those_that_the_cluster_keeps(world, proxy):
    with without(proxy, ("", "pods/log", "get")):
        ended = world.carried(world.release("web", file="ends"))
    assert ended.status == "rolled_back" and ended.evidence == ["no queue at QUEUE_URL"], (ended.reason, ended.evidence)
    assert written(ended.diagnosis["findings"][0]) == ended.evidence


def test_what_the_cluster_keeps_of_them_shows_no_half_of_a_value(world, proxy):
    """It keeps 2048 bytes: here the last ten of the value, and what comes after."""
    value = "amqp://shop:s3cr3t@the-queue"
    program = "import os\nprint(os.environ['QUEUE_URL'] + '.' * 2037, flush=True)\nraise SystemExit(3)"
    service = {"command": [world.python, "-I", "-S", "-c", program], "deployment": {"verify": 8}}
    manifest = {"services": {"web": {**service, "termination": {"grace": 1}}}}
    release = world.release_of(manifest, {"web": world.image}, env={"QUEUE_URL": value})
    with without(proxy, ("", "pods/log", "get")):
        ended = world.carried(release)
    [line] = ended.evidence
    assert line.strip(".") == "[QUEUE_URL]"
    told = f"{ended.diagnosis} {ended.reason} {world.log(ended)}"
    assert value[-10:] not in told and "[QUEUE_URL]" in told


def test_what_may_not_be_removed_stays_and_is_said(world, proxy):
    succeeded(world.carried(whole(world)))
    with without(proxy, ("", "services", "delete")):
        ended = succeeded(world.carried(world.release("worker", file="stays")))
    (line,) = (line for line in world.log(ended) if "could not be removed" in line)
    assert line.startswith("Service web, which the release no longer has") and "cannot delete resource" in line
    assert world.names("Service") == {"web"}


def test_what_may_not_be_looked_for_is_left_for_the_next_time_and_no_rollout_fails_of_it(world, proxy):
    succeeded(world.carried(whole(world)))
    with without(proxy, ("batch", "cronjobs", "list")):
        ended = succeeded(world.carried(world.release("worker", file="stays")))
    (line,) = (line for line in world.log(ended) if "could not be removed" in line)
    assert line.startswith("What the release no longer has") and "cannot list resource" in line
    succeeded(world.carried(world.release("worker", file="stays")))
    assert world.names("Service") == set()


def test_the_page_and_the_connection_test_say_what_is_missing(world, proxy, client):
    person = factories.person("administrator")
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    world.active("worker")
    with without(proxy, ("", "pods", "list"), ("apps", "deployments", "patch")):
        page = client.get(f"/apps/{world.app.name}")
        _, findings = actions.test_cluster(world.app.cluster, by=policy.actor_for(person))
    assert page.status_code == 200 and "cannot list resource" in page.content.decode()
    missing = [finding for finding in findings if finding.state == "missing"]
    assert [finding.words for finding in missing] == ["list pods", "patch deployments.apps"]
    assert all("docs/kubernetes.md" in finding.hint for finding in missing)
