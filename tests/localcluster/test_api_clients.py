"""The official Python client, unpatched."""

import json

import pytest

from tests.localcluster.conftest import config_map, deployment, eventually

kubernetes = pytest.importorskip("kubernetes")

COMMAND = "import os, sys, time; print('started', flush=True); print('again', flush=True); time.sleep(600)"


@pytest.fixture(scope="session")
def official(cluster):
    configuration = kubernetes.client.Configuration()
    kubernetes.config.load_kube_config(str(cluster.kubeconfig), client_configuration=configuration)
    with kubernetes.client.ApiClient(configuration) as client:
        yield client


@pytest.fixture(scope="session")
def image(cluster):
    """An image whose process says two things and waits."""
    digest = "c" * 64
    folder = cluster.folder / "images" / digest
    (folder / "root").mkdir(parents=True)
    content = {"command": ["python3", "-c", COMMAND], "env": {}, "workdir": "."}
    (folder / "image.json").write_text(json.dumps(content))
    return f"local/web@sha256:{digest}"


def running(image, **spec):
    body = deployment(replicas=1, **spec)
    body["spec"]["template"]["spec"]["containers"][0]["image"] = image
    return body


def test_the_typed_client_reads_what_it_wrote(official, namespace):
    apps, core = kubernetes.client.AppsV1Api(official), kubernetes.client.CoreV1Api(official)
    made = apps.create_namespaced_deployment(namespace, deployment())
    assert made.spec.revision_history_limit == 10
    applied = apps.patch_namespaced_deployment(
        "web",
        namespace,
        deployment(),
        field_manager="deployer",
        _content_type="application/apply-patch+yaml",
        force=True,
    )
    assert applied.metadata.managed_fields[0].manager == "deployer"
    assert apps.read_namespaced_deployment_scale("web", namespace).spec.replicas == 0
    assert [item.metadata.name for item in apps.list_namespaced_deployment(namespace).items] == ["web"]
    core.create_namespaced_secret(namespace, {"metadata": {"name": "s"}, "stringData": {"A": "1"}})
    assert core.read_namespaced_secret("s", namespace).data == {"A": "MQ=="}
    service = {"metadata": {"name": "web"}, "spec": {"ports": [{"port": 80}]}}
    assert core.create_namespaced_service(namespace, service).spec.cluster_ip
    apps.delete_namespaced_deployment("web", namespace)
    with pytest.raises(kubernetes.client.ApiException) as missing:
        apps.read_namespaced_deployment("web", namespace)
    assert missing.value.status == 404


def test_the_typed_client_follows_a_rollout_and_its_log(official, namespace, image):
    apps, core = kubernetes.client.AppsV1Api(official), kubernetes.client.CoreV1Api(official)
    apps.create_namespaced_deployment(namespace, running(image))
    version = apps.list_namespaced_deployment(namespace).metadata.resource_version
    watch = kubernetes.watch.Watch()
    for event in watch.stream(apps.list_namespaced_deployment, namespace, timeout_seconds=60):
        if event["object"].status.available_replicas:
            watch.stop()
    assert int(version) > 0
    pod = core.list_namespaced_pod(namespace, field_selector="status.phase=Running").items[0]
    log = eventually(lambda: core.read_namespaced_pod_log(pod.metadata.name, namespace).count("\n") == 2 and "read")
    assert log == "read"
    assert core.read_namespaced_pod_log(pod.metadata.name, namespace, tail_lines=1) == "again\n"
    assert core.read_namespaced_pod_log(pod.metadata.name, namespace, limit_bytes=3) == "sta"
    assert core.read_namespaced_pod_log(pod.metadata.name, namespace, timestamps=True).startswith("20")
    reasons = {event.reason for event in core.list_namespaced_event(namespace).items}
    assert {"ScalingReplicaSet", "SuccessfulCreate", "Scheduled", "Started"} <= reasons


def test_a_followed_log_ends_with_its_container(official, api, namespace, image):
    apps = kubernetes.client.AppsV1Api(official)
    apps.create_namespaced_deployment(namespace, running(image))
    pods = f"/api/v1/namespaces/{namespace}/pods"
    is_running = "fieldSelector=status.phase%3DRunning"
    name = eventually(lambda: [p["metadata"]["name"] for p in api.get(f"{pods}?{is_running}").json()["items"]])[0]
    with api.stream("GET", f"{pods}/{name}/log?follow=true") as stream:
        lines = stream.iter_lines()
        assert next(lines) == "started"
        apps.delete_namespaced_deployment("web", namespace)
        assert list(lines) == ["again"]


def test_the_dynamic_client_applies_any_kind(official, namespace):
    dynamic = kubernetes.dynamic.DynamicClient(official)
    maps = dynamic.resources.get(api_version="v1", kind="ConfigMap")
    applied = dynamic.server_side_apply(maps, config_map(a="1"), "settings", namespace, field_manager="deployer")
    again = dynamic.server_side_apply(maps, config_map(a="1"), "settings", namespace, field_manager="deployer")
    assert again.metadata.resourceVersion == applied.metadata.resourceVersion
    with pytest.raises(kubernetes.client.ApiException) as conflict:
        dynamic.server_side_apply(maps, config_map(a="2"), "settings", namespace, field_manager="other")
    assert conflict.value.status == 409
    assert json.loads(conflict.value.body)["message"].endswith('conflict with "deployer": .data.a')
    assert [item.metadata.name for item in maps.get(namespace=namespace).items][-1] == "settings"
