"""What goes well: a first deploy, updates without a gap, a scale that stays, a release command, a killed worker."""

from tests.cluster import patience
from tests.cluster.app import RELEASE, ClusterApp
from tests.cluster.kube import Kube
from tests.cluster.sources import Sources, program
from tests.cluster.watching import Availability


def test_a_first_deploy(app: ClusterApp, sources: Sources) -> None:
    assert app.release == "" and app.kube.find("namespaces", "", app.namespace) is None
    release = app.deployed(sources.source(web=sources.web("v1"), worker=sources.worker("v1")))
    assert app.running() == [("web", release), ("web", release), ("worker", release)]
    assert {pod["spec"]["containers"][0]["image"] for pod in app.pods()} == {sources.image.reference}
    assert [process["state"] for process in app.get("/processes")] == ["ready"] * 3
    assert "version v1 serves" in app.words("web", "serves")
    log = app.said(app.rollout()["number"])
    assert "Status: Pending => Updating" in log and "Status: Updating => Running" in log
    assert f'{sources.image.reference}"' in log, "the cluster's own words"
    assert app.logs_are_whole()


def test_an_update_is_never_below_the_minimum(app: ClusterApp, sources: Sources, kube: Kube) -> None:
    stubborn = {"environment": {"STUBBORN": "yes"}}  # it has to be killed, and holds nobody up
    app.deployed(sources.source(web=sources.web("v1", count=3, **stubborn)))
    before = app.uids()
    with Availability(kube, app.namespace, "web") as seen:
        release = app.deployed(sources.source(web=sources.web("v2", count=3, **stubborn)))
        assert app.running() == [("web", release)] * 3 and not app.uids() & before
    assert seen.least() == 3, (seen.ready, seen.available)
    with Availability(kube, app.namespace, "web") as seen:
        lax = {"deployment": {"minimum": 60, "maximum": 100}}  # two of three, and never a fourth
        release = app.deployed(sources.source(web=sources.web("v3", count=3, **lax)))
        assert app.running() == [("web", release)] * 3
    assert seen.least() >= 2 and max(seen.ready) <= 3, (seen.ready, seen.available)


def test_a_scale_is_kept_by_the_next_promote(app: ClusterApp, sources: Sources) -> None:
    first = app.deployed(sources.source(web=sources.web("v1", count=1)))
    answer = app.house.api.put(f"/apps/{app.name}/services/web/scale", json={"count": 3})
    assert answer.status_code == 200, answer.text
    app.until(lambda: [process["state"] for process in app.get("/processes")] == ["ready"] * 3, "three processes")
    second = app.deployed(sources.source(web=sources.web("v2", count=1)))
    assert app.running() == [("web", second)] * 3
    answer = app.post(f"/releases/{first}/rollback")
    assert answer.status_code == 201, answer.text
    assert app.over(answer.json()["rollout"]["number"])["status"] == "succeeded"
    assert app.running() == [("web", app.release)] * 3 and app.deployment()["spec"]["replicas"] == 3


def test_a_release_command_runs_first(app: ClusterApp, sources: Sources) -> None:
    release = {"command": program("migrate"), "service": "web"}
    app.deployed(sources.source(release=release, web=sources.web("v1", count=1)))
    log = app.said(app.rollout()["number"])
    places = [log.find(words) for words in ("release-command migrating to v1", "release-command migrated", "Scaled up")]
    assert -1 not in places and places == sorted(places), log
    assert app.objects("jobs") == [] and len(app.objects("pods")) == 1


def test_a_worker_is_killed_in_mid_rollout(app: ClusterApp, sources: Sources) -> None:
    app.deployed(sources.source(web=sources.web("v1")))
    number = app.promote(app.built(sources.source(web=sources.web("v2", environment={"SLOW": "2"}))))
    app.rolls(number)
    assert app.rollout(number)["status"] == "rolling"
    app.house.kill("rollouts")
    rollout = app.over(number)
    assert rollout["status"] == "succeeded", app.story(rollout)
    assert app.running() == [("web", app.release)] * 2 and app.logs_are_whole()
    assert len(app.get("/rollouts")["items"]) == 2


def test_a_replaced_rollout_gives_way(app: ClusterApp, sources: Sources) -> None:
    app.deployed(sources.source(web=sources.web("v1")))
    number = app.promote(app.built(sources.source(web=sources.sick("sick"))))
    app.rolls(number)
    release = app.built(sources.source(web=sources.web("v2")))
    refused = app.post(f"/releases/{release}/promote")
    assert refused.status_code == 409 and f"Rollout {number}" in refused.text
    answer = app.post(f"/releases/{release}/promote", json={"replace": True})
    assert answer.status_code == 201, answer.text
    rollout = app.over(answer.json()["number"])
    assert rollout["status"] == "succeeded" and rollout["replaces"] == number, app.story(rollout)
    assert app.rollout(number)["status"] == "superseded"
    app.until(lambda: app.running() == [("web", release)] * 2, "the end of the sick processes")
    assert app.logs_are_whole()


def test_a_deleted_app_is_gone(app: ClusterApp, sources: Sources, kube: Kube) -> None:
    app.deployed(sources.source(web=sources.web("v1", count=1)))
    assert all(pod["metadata"]["labels"][RELEASE] == app.release for pod in app.pods())
    answer = app.house.api.delete(f"/apps/{app.name}", params={"confirm": app.name})
    assert answer.status_code in (200, 202, 204), answer.text

    def gone() -> bool:
        namespace = kube.find("namespaces", "", app.namespace)
        return namespace is None or "deletionTimestamp" in namespace["metadata"]

    app.until(gone, f"the end of the namespace within {patience.SOON} s")
