"""What goes wrong: each ends with what ran before, whole, and says why."""

from typing import Any

import pytest

from tests.cluster import patience
from tests.cluster.app import ClusterApp
from tests.cluster.kube import Kube
from tests.cluster.leftovers import MARK
from tests.cluster.sources import Sources, program


class Before:
    """How an app is while its first release runs: to be compared with how it is after a restore."""

    def __init__(self, app: ClusterApp, sources: Sources, **more: Any) -> None:
        self.app = app
        self.release = app.deployed(sources.source(web=sources.web("v1"), **more))
        self.templates, self.running, self.uids = app.templates(), app.running(), app.uids()

    def is_back(self, rollout: dict[str, Any], *, cause: str) -> None:
        app = self.app
        assert rollout["status"] == "rolled_back" and rollout["cause"] == cause, app.story(rollout)
        assert app.release == self.release
        assert (app.templates(), app.running()) == (self.templates, self.running)
        states = [process["state"] for process in app.get("/processes") if process["state"] != "stopping"]
        assert states == ["ready"] * len(self.running)
        assert app.logs_are_whole()


@pytest.fixture
def before(app: ClusterApp, sources: Sources) -> Before:
    return Before(app, sources)


@pytest.mark.parametrize("after", [0, 1.5], ids=["at once", "after a while"])
def test_a_crash_is_undone(app: ClusterApp, sources: Sources, before: Before, after: float) -> None:
    rollout = app.carried(sources.source(web=sources.crashing("v2", after=after)))
    before.is_back(rollout, cause="exits")
    assert "exited with 3" in rollout["reason"], rollout["reason"]
    assert "no queue at QUEUE_URL" in str(rollout["evidence"])
    assert app.uids() == before.uids, "the processes of before were not touched"


def test_a_process_that_eats_too_much_memory_is_undone(app: ClusterApp, sources: Sources, before: Before) -> None:
    rollout = app.carried(sources.source(web=sources.web("v2") | {"command": program("eat")}))
    before.is_back(rollout, cause="out_of_memory")
    assert app.uids() == before.uids


def test_what_never_gets_ready_is_undone_at_its_deadline(app: ClusterApp, sources: Sources, before: Before) -> None:
    source = sources.source(deadline=patience.SHORT_DEADLINE, web=sources.sick("v2"))
    rollout = app.carried(source)
    before.is_back(rollout, cause="never_ready")
    assert app.uids() == before.uids


def test_a_missing_image_is_undone(app: ClusterApp, sources: Sources, before: Before) -> None:
    rollout = app.carried(sources.source(web=sources.web("v2") | {"image": sources.image.missing}))
    before.is_back(rollout, cause="pull")
    assert app.uids() == before.uids and sources.image.missing in rollout["reason"] + app.said(rollout["number"])


def test_a_quota_that_leaves_no_room_is_undone(app: ClusterApp, sources: Sources, kube: Kube, before: Before) -> None:
    if not kube.may("create", "resourcequotas"):
        pytest.skip("who holds TEST_KUBECONFIG may not create resourcequotas")
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "full"}, "spec": {"hard": {"pods": "2"}}}
    kube.create("resourcequotas", app.namespace, quota)
    app.until(lambda: kube.get("resourcequotas", app.namespace, "full").get("status", {}).get("used"), "the quota")
    rollout = app.carried(sources.source(web=sources.web("v2")))
    before.is_back(rollout, cause="quota")
    assert "exceeded quota: full" in rollout["reason"] and app.uids() == before.uids


def test_one_bad_service_brings_all_of_them_back(app: ClusterApp, sources: Sources) -> None:
    before = Before(app, sources, worker=sources.worker("v1"))
    bad = sources.worker("v2") | {"command": program("crash")}
    source = sources.source(web=sources.web("v2"), worker=bad, extra=sources.worker("v2"))
    number = app.promote(app.built(source))
    rollout = app.over(number)
    before.is_back(rollout, cause="exits")
    assert "worker" in rollout["reason"]


def test_a_failed_release_command_changes_nothing(app: ClusterApp, sources: Sources, before: Before) -> None:
    release = {"command": program("migrate"), "service": "web"}
    rollout = app.carried(sources.source(release=release, web=sources.web("v2", environment={"CODE": "4"})))
    assert rollout["status"] == "failed" and "exited with 4" in rollout["reason"], app.story(rollout)
    assert "Nothing that runs was changed." in rollout["reason"]
    assert "release-command no such table" in app.said(rollout["number"])
    assert (app.release, app.templates(), app.uids()) == (before.release, before.templates, before.uids)
    assert app.objects("jobs") == []


def test_an_abort_brings_the_previous_release_back(app: ClusterApp, sources: Sources, before: Before) -> None:
    number = app.promote(app.built(sources.source(web=sources.sick("v2"))))
    app.rolls(number)
    assert app.post(f"/rollouts/{number}/abort").status_code == 200
    before.is_back(app.over(number), cause="aborted")
    assert app.uids() == before.uids


def test_a_first_release_that_fails_is_taken_down(app: ClusterApp, sources: Sources) -> None:
    rollout = app.carried(sources.source(web=sources.crashing("v1")))
    assert rollout["status"] == "rolled_back" or rollout["status"] == "failed", app.story(rollout)
    assert app.release == "" and app.templates() == {} and app.running() == []
    app.deployed(sources.source(web=sources.web("v2", count=1)))


# --- Strangers ------------------------------------------------------------------------------------------------------


def test_a_stranger_s_object_of_the_same_name_is_refused(app: ClusterApp, sources: Sources, kube: Kube) -> None:
    app.deployed(sources.source(web=sources.web("v1", count=1)))
    labels = {"mine": "yes"}
    container = {"name": "theirs", "image": sources.image.reference, "command": program("work")}
    theirs = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "worker"},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }
    made = kube.create("deployments", app.namespace, theirs)
    before, pods = app.templates(), app.uids()
    rollout = app.carried(sources.source(web=sources.web("v2", count=1), worker=sources.worker("v2")))
    assert rollout["status"] == "failed", app.story(rollout)
    assert f"Deployment worker in {app.namespace} was not made by this Deployer" in rollout["reason"]
    found = kube.get("deployments", app.namespace, "worker")
    assert (found["metadata"]["uid"], found["spec"]) == (made["metadata"]["uid"], made["spec"])
    assert "labels" not in found["metadata"] and (app.templates(), app.uids()) == (before, pods)


@pytest.mark.parametrize("labels", [{}, {"app.kubernetes.io/managed-by": "deployer"}], ids=["nobody's", "another's"])
def test_another_s_namespace_is_refused(app: ClusterApp, sources: Sources, kube: Kube, labels: dict[str, str]) -> None:
    metadata = {
        "name": app.namespace,
        "labels": labels | {MARK: "yes"},
        "annotations": {"deployer/installation": "somebody-else"},
    }
    if not labels:
        del metadata["annotations"]
    kube.create("namespaces", "", {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    rollout = app.carried(sources.source(web=sources.web("v1")))
    assert rollout["status"] == "failed", app.story(rollout)
    assert f"Namespace {app.namespace} was not made by this Deployer" in rollout["reason"]
    assert [kube.list(kind, app.namespace)[0] for kind in ("deployments", "pods", "services")] == [[], [], []]
