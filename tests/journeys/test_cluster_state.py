"""What stays in the cluster, what goes, and what belongs to somebody else."""

from pathlib import Path
from typing import Any

import pytest

from tests.journeys import sources
from tests.journeys.app import App
from tests.journeys.doors import path_of
from tests.journeys.waiting import until

APPLY = {"Content-Type": "application/apply-patch+yaml"}


def with_worker(folder: Path, version: str) -> Path:
    text = sources.manifest(count=1)
    text["services"]["worker"] = sources.worker()
    server = sources.SERVER.format(version=version, health="200 OK")
    return sources.write(folder, text, {"server.py": server, "worker.py": sources.WORKER})


def test_a_scale_survives_the_next_deploy_and_a_rollback(app: App, tmp_path: Path) -> None:
    first = app.deployed(sources.serving(tmp_path / "v1", "v1", count=1))
    assert app.command("scale", "web=3").status == 0
    until(lambda: [process["state"] for process in app.get("/processes")] == ["ready"] * 3, "three processes")
    app.deployed(sources.serving(tmp_path / "v2", "v2", count=1))
    assert deployment(app)["spec"]["replicas"] == 3
    assert app.command("releases", "rollback", first).status == 0
    assert deployment(app)["spec"]["replicas"] == 3
    assert app.command("scale", "web=0").status == 0
    until(lambda: app.get("/processes") == [], "no process")


def test_a_service_that_the_manifest_no_longer_has_is_pruned(app: App, tmp_path: Path) -> None:
    app.deployed(with_worker(tmp_path / "v1", "v1"))
    assert app.names("deployments") == {"web", "worker"}
    app.deployed(sources.serving(tmp_path / "v2", "v2", count=1))
    until(lambda: app.names("deployments") == {"web"}, "one Deployment")
    until(lambda: {process["service"] for process in app.get("/processes")} == {"web"}, "the end of the worker")


def test_a_service_of_a_failed_release_is_gone_after_the_restore(app: App, tmp_path: Path) -> None:
    app.deployed(sources.serving(tmp_path / "v1", "v1", count=1))
    source = with_worker(tmp_path / "v2", "v2")
    (source / "worker.py").write_text(sources.CRASH)
    told = app.deploy(source)
    assert told.status == 1 and "worker-" in told.err, told.all
    assert app.names("deployments") == {"web"}
    until(lambda: {name.split("-")[0] for name in app.names("pods")} == {"web"}, "the end of the worker")
    app.answers("version v1")


STRANGERS: dict[str, dict[str, Any]] = {
    "deployments": {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"mine": "yes"}},
            "template": {
                "metadata": {"labels": {"mine": "yes"}},
                "spec": {"containers": [{"name": "c", "image": "local/x@sha256:" + "0" * 64}]},
            },
        },
    },
    "services": {
        "apiVersion": "v1",
        "kind": "Service",
        "spec": {"selector": {"mine": "yes"}, "ports": [{"port": 80, "targetPort": 80}]},
    },
}


@pytest.mark.parametrize("kind", STRANGERS)
def test_a_stranger_s_object_is_refused_by_name_and_untouched(app: App, tmp_path: Path, kind: str) -> None:
    told = app.deploy(sources.write(tmp_path / "bad", sources.manifest(command=["no-such-program"]), {"a": "b"}))
    assert told.status == 1, "that was to make the namespace"
    path = path_of(kind, app.namespace, "web")
    stranger = STRANGERS[kind] | {"metadata": {"name": "web", "namespace": app.namespace}}
    made = app.house.cluster.patch(path, params={"fieldManager": "kubectl"}, headers=APPLY, json=stranger)
    assert made.status_code == 201, made.text
    told = app.deploy(sources.serving(tmp_path / "v1", "v1"))
    assert told.status == 1
    assert f"{stranger['kind']} web in {app.namespace} was not made by this Deployer" in told.err, told.err
    assert app.rollout()["status"] == "failed" and app.release == ""
    assert intention(app.house.cluster.get(path).json()) == intention(made.json())
    assert app.names("secrets") == set()


def test_a_field_that_somebody_else_manages_is_named(app: App, tmp_path: Path) -> None:
    app.deployed(sources.serving(tmp_path / "v1", "v1", count=1))
    theirs = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": app.namespace},
        "spec": {"progressDeadlineSeconds": 61},
    }
    path = path_of("deployments", app.namespace, "web")
    params = {"fieldManager": "somebody", "force": "true"}
    assert app.house.cluster.patch(path, params=params, headers=APPLY, json=theirs).status_code == 200
    told = app.deploy(sources.serving(tmp_path / "v2", "v2", count=1))
    assert told.status == 1 and "somebody" in told.err and "progressDeadlineSeconds" in told.err, told.err
    assert "Nothing that runs was changed." in told.err
    app.answers("version v1")


def test_a_deleted_app_leaves_nothing_in_the_cluster(app: App, tmp_path: Path) -> None:
    app.deployed(with_worker(tmp_path / "v1", "v1"))
    told = app.house.command("apps", "delete", app.name, "--yes")
    assert told.status == 0, told.all
    until(lambda: app.namespace not in app.names("namespaces"), "the end of the namespace")
    for kind in ("deployments", "replicasets", "pods", "services", "secrets", "jobs", "events", "ingresses"):
        assert app.objects(kind) == [], kind
    assert app.ask()[0] != 200
    assert app.house.api.get(f"/apps/{app.name}").status_code == 404
    again = app.house.app(app.name)
    again.deployed(sources.serving(tmp_path / "v2", "v2", count=1))
    again.answers("version v2")


def deployment(app: App) -> dict[str, Any]:
    return app.house.cluster.get(path_of("deployments", app.namespace, "web")).json()


def intention(obj: dict[str, Any]) -> tuple[Any, ...]:
    """What people wrote into an object, as against what controllers report in it."""
    metadata = obj["metadata"]
    ours = [key for key in metadata.get("annotations", {}) if key.startswith("deployer/")]
    return metadata["uid"], metadata.get("generation"), metadata.get("labels"), ours, obj["spec"]
