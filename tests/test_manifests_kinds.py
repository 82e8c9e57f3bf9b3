"""What a release makes where its manifest asks for more: volumes, an autoscaler, timers, ports, certificates."""

import json

import pytest

from releases.pipeline import manifests
from tests import factories
from tests.test_manifests import OURS, metadata, rendered

pytestmark = pytest.mark.django_db

MANIFEST = """
services:
  web:
    command: python app.py
    init: python prepare.py
    port: 8080
    ports: [9090, {port: 9091, name: statsd, protocol: udp}]
    scale: {count: 2-10, targets: {cpu: 70, memory: 80}}
    domain: [www.example.com, example.com]
  worker:
    init: python prepare.py
    volumes: [{name: data, path: /data, size: 10}, {name: tmp, path: /var/tmp, size: 1}]
  cache:
    ports: [6379]
timers:
  nightly: {schedule: "0 3 * * *", command: python nightly.py, service: worker, timeout: 900}
"""
OF_WEB = {"deployer/app": "hello", "deployer/service": "web"}


def release_of(manifest=MANIFEST, **cluster):
    app = factories.app("hello", cluster=factories.cluster("there", **cluster))
    build = factories.build(app, id="BAAAAAAAAAA")
    return factories.release(app, manifest=manifest, env={"A": "a"}, build=build, id="RAAAAAAAAAA")


def pod_of(objects, service):
    return objects["Deployment", service]["spec"]["template"]["spec"]


def test_the_order_is_the_order_of_applying():
    assert list(rendered(release_of())) == [
        ("Secret", "raaaaaaaaaa"),
        ("PersistentVolumeClaim", "worker-data"),
        ("PersistentVolumeClaim", "worker-tmp"),
        ("Service", "web"),
        ("Service", "cache"),
        ("Deployment", "web"),
        ("Deployment", "worker"),
        ("Deployment", "cache"),
        ("CronJob", "nightly"),
        ("Ingress", "web"),
        ("HorizontalPodAutoscaler", "web"),
        ("PodDisruptionBudget", "web"),
        ("PodDisruptionBudget", "worker"),
        ("PodDisruptionBudget", "cache"),
    ]


def test_what_comes_late_is_at_the_end():
    kinds = [kind for kind, _ in rendered(release_of())]
    assert [kind in manifests.LATE for kind in kinds] == [False] * 8 + [True] * 6


# --- Volumes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("given", "named"), [("", {}), ("fast", {"storageClassName": "fast"})])
def test_a_volume_is_a_claim_of_the_storage_class_of_the_cluster(given, named):
    assert rendered(release_of(storage_class=given))["PersistentVolumeClaim", "worker-data"] == {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": metadata("worker-data", service="worker"),
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Gi"}}, **named},
    }


def test_its_process_goes_before_the_next_one_comes_and_has_it_mounted_from_its_first_container_on():
    objects = rendered(release_of())
    assert objects["Deployment", "worker"]["spec"]["strategy"] == {"type": "Recreate"}
    pod = pod_of(objects, "worker")
    assert pod["volumes"] == [
        {"name": "data", "persistentVolumeClaim": {"claimName": "worker-data"}},
        {"name": "tmp", "persistentVolumeClaim": {"claimName": "worker-tmp"}},
    ]
    mounts = [{"name": "data", "mountPath": "/data"}, {"name": "tmp", "mountPath": "/var/tmp"}]
    assert [container["volumeMounts"] for container in pod["initContainers"] + pod["containers"]] == [mounts, mounts]
    assert "volumes" not in pod_of(objects, "web") and "volumeMounts" not in json.dumps(pod_of(objects, "web"))


def test_the_strategy_of_the_manifest_does_not_count_where_there_is_a_volume():
    text = "services: {web: {volumes: [{name: a, path: /a, size: 1}]}}\ndeployment: {strategy: immediate}\n"
    assert rendered(release_of(text))["Deployment", "web"]["spec"]["strategy"] == {"type": "Recreate"}


# --- The first container --------------------------------------------------------------------------------------------


def test_the_first_container_is_like_the_main_one_but_for_its_command_and_what_concerns_requests():
    pod = pod_of(rendered(release_of()), "web")
    [first], [main] = pod["initContainers"], pod["containers"]
    concerned = ("ports", "readinessProbe", "lifecycle")
    assert set(concerned) <= set(main)
    assert first == {key: value for key, value in main.items() if key not in concerned} | {
        "name": "init",
        "command": ["python", "prepare.py"],
    }


# --- Ports ----------------------------------------------------------------------------------------------------------


def test_every_port_has_a_name_by_which_it_is_reached():
    objects = rendered(release_of())
    assert pod_of(objects, "web")["containers"][0]["ports"] == [
        {"name": "http", "containerPort": 8080, "protocol": "TCP"},
        {"name": "port-9090", "containerPort": 9090, "protocol": "TCP"},
        {"name": "statsd", "containerPort": 9091, "protocol": "UDP"},
    ]
    assert objects["Service", "web"] == {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata("web", service="web"),
        "spec": {
            "selector": OF_WEB,
            "ports": [
                {"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"},
                {"name": "port-9090", "port": 9090, "targetPort": "port-9090", "protocol": "TCP"},
                {"name": "statsd", "port": 9091, "targetPort": "statsd", "protocol": "UDP"},
            ],
            "sessionAffinity": "None",
        },
    }


def test_a_service_of_internal_ports_alone_is_reached_there_and_proves_itself_by_time():
    objects = rendered(release_of())
    [port] = objects["Service", "cache"]["spec"]["ports"]
    assert port == {"name": "port-6379", "port": 6379, "targetPort": "port-6379", "protocol": "TCP"}
    deployment = objects["Deployment", "cache"]["spec"]
    [main] = deployment["template"]["spec"]["containers"]
    assert deployment["minReadySeconds"] == 10 and "readinessProbe" not in main
    assert main["lifecycle"] == {"preStop": {"sleep": {"seconds": 5}}}
    assert "PORT" not in [variable["name"] for variable in main["env"]]


# --- Scale ----------------------------------------------------------------------------------------------------------


def test_a_range_is_an_autoscaler():
    objects = rendered(release_of())
    targets = [
        {"type": "Resource", "resource": {"name": name, "target": {"type": "Utilization", "averageUtilization": share}}}
        for name, share in (("cpu", 70), ("memory", 80))
    ]
    assert objects["HorizontalPodAutoscaler", "web"] == {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata("web", service="web"),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicas": 2,
            "maxReplicas": 10,
            "metrics": targets,
        },
    }
    assert ("HorizontalPodAutoscaler", "worker") not in objects
    assert "replicas" not in objects["Deployment", "web"]["spec"]


def test_an_autoscaler_looks_at_what_it_was_told_to_alone():
    objects = rendered(release_of("services: {web: {scale: {count: 1-2, targets: {memory: 5}}}}"))
    [metric] = objects["HorizontalPodAutoscaler", "web"]["spec"]["metrics"]
    assert metric["resource"] == {"name": "memory", "target": {"type": "Utilization", "averageUtilization": 5}}


def test_a_node_that_is_drained_takes_one_process_at_a_time():
    assert rendered(release_of())["PodDisruptionBudget", "web"] == {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata("web", service="web"),
        "spec": {
            "maxUnavailable": 1,
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "selector": {"matchLabels": OF_WEB},
        },
    }


# --- Domains --------------------------------------------------------------------------------------------------------

HOSTS = ["www.example.com", "example.com"]


@pytest.mark.parametrize(
    ("cluster", "secret", "annotations", "expected"),
    [
        ({}, None, {}, {}),
        ({"ingress_class": "nginx"}, None, {}, {"ingressClassName": "nginx"}),
        (
            {"certificate_issuer": "letsencrypt"},
            None,
            {"cert-manager.io/cluster-issuer": "letsencrypt"},
            {"tls": [{"hosts": HOSTS, "secretName": "web-tls"}]},
        ),
        (
            {"certificate_issuer": "letsencrypt"},
            "own-certificate",
            {},
            {"tls": [{"hosts": HOSTS, "secretName": "own-certificate"}]},
        ),
        ({}, "own-certificate", {}, {"tls": [{"hosts": HOSTS, "secretName": "own-certificate"}]}),
    ],
)
def test_domains_are_served_as_the_cluster_does_it(cluster, secret, annotations, expected):
    tls = f"    tls: {{secret: {secret}}}\n" if secret else ""
    text = MANIFEST.replace("    port: 8080\n", "    port: 8080\n" + tls)
    ingress = rendered(release_of(text, **cluster))["Ingress", "web"]
    about = metadata("web", service="web")
    backend = {"service": {"name": "web", "port": {"name": "http"}}}
    http = {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}
    assert ingress["metadata"] == about | {"annotations": about["annotations"] | annotations}
    assert ingress["spec"] == {"rules": [{"host": host, "http": http} for host in HOSTS], **expected}


# --- Timers ---------------------------------------------------------------------------------------------------------


def test_a_timer_whole():
    """Its Jobs are ours by label, and no Service object sends requests to its pods; they mount no volume."""
    objects = rendered(release_of())
    marks = OURS | {"deployer/timer": "nightly", "deployer/release": "RAAAAAAAAAA"}
    worker = pod_of(objects, "worker")
    main = {key: value for key, value in worker["containers"][0].items() if key != "volumeMounts"}
    same = ("automountServiceAccountToken", "enableServiceLinks", "securityContext", "terminationGracePeriodSeconds")
    pod = {key: worker[key] for key in same} | {
        "containers": [main | {"command": ["python", "nightly.py"]}],
        "restartPolicy": "Never",
    }
    assert objects["CronJob", "nightly"] == {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": metadata("nightly", timer="nightly"),
        "spec": {
            "schedule": "0 3 * * *",
            "timeZone": "Etc/UTC",
            "suspend": False,
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": 300,
            "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": 3,
            "jobTemplate": {
                "metadata": {"labels": marks, "annotations": {"deployer/installation": "here"}},
                "spec": {
                    "backoffLimit": 0,
                    "activeDeadlineSeconds": 900,
                    "template": {"metadata": {"labels": marks}, "spec": pod},
                },
            },
        },
    }


def test_a_release_command_mounts_no_volume_and_prepares_nothing():
    release = release_of(MANIFEST + "release: {command: python migrate.py, service: worker}\n")
    pod = manifests.release_job(release, number=7, installation="here", epoch="7.1")["spec"]["template"]["spec"]
    assert not {"volumes", "initContainers"} & set(pod)
    assert "volumeMounts" not in pod["containers"][0]
