"""A release as Kubernetes objects: compared whole."""

import base64
import json

import pytest

from releases.errors import ManifestInvalid
from releases.pipeline import deployer_yml, manifests, strategies
from tests import factories

pytestmark = pytest.mark.django_db

MANIFEST = """
environment: [REGION=eu, SHARED]
services:
  web:
    command: python app.py
    port: 8080
    health: {path: /health, interval: 5, timeout: 4, grace: 5}
    liveness: {path: /live, interval: 10, failures: 3}
    scale: {count: 3, cpu: 250, memory: 512}
    environment: [SECRET_KEY, LOG_LEVEL=info, PORT=1]
    domain: [www.example.com, example.com]
    sticky: true
  worker:
    command: [python, worker.py]
    deployment: {minimum: 50, maximum: 200, deadline: 60}
    termination: {grace: 5}
release: {command: python migrate.py}
"""
ENV = {"SECRET_KEY": "very-secret-value", "SHARED": "shared-secret-value", "REGION": "us"}
OURS = {"app.kubernetes.io/managed-by": "deployer", "deployer/app": "hello"}


@pytest.fixture
def release():
    app = factories.app("hello")
    build = factories.build(app, id="BAAAAAAAAAA")
    return factories.release(app, manifest=MANIFEST, env=ENV, build=build, id="RAAAAAAAAAA")


def rendered(release):
    return {(obj["kind"], obj["metadata"]["name"]): obj for obj in manifests.render(release, installation="here")}


def metadata(name, **labels):
    return {
        "name": name,
        "namespace": "deployer-hello",
        "labels": OURS | {f"deployer/{key}": value for key, value in labels.items()},
        "annotations": {"deployer/installation": "here"},
    }


def container(name, *, plain, **more):
    about = {"DEPLOYER_APP": "hello", "DEPLOYER_SERVICE": name, "DEPLOYER_RELEASE": "RAAAAAAAAAA"}
    about |= {"DEPLOYER_BUILD": "BAAAAAAAAAA"} | plain
    return {
        "name": "main",
        "image": factories.IMAGE,
        "env": [{"name": key, "value": value} for key, value in about.items()],
        "envFrom": [{"secretRef": {"name": "raaaaaaaaaa"}}],
        "resources": {"requests": {"cpu": "250m", "memory": "512Mi"}, "limits": {"memory": "512Mi"}},
        "securityContext": {"allowPrivilegeEscalation": False},
        "terminationMessagePolicy": "FallbackToLogsOnError",
    } | more


def deployment(name, *, container, strategy, ready, deadline, grace):
    selector = {"deployer/app": "hello", "deployer/service": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(name, service=name),
        "spec": {
            "paused": False,
            "selector": {"matchLabels": selector},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": strategy},
            "minReadySeconds": ready,
            "progressDeadlineSeconds": deadline,
            "revisionHistoryLimit": 2,
            "template": {
                "metadata": {"labels": OURS | {"deployer/release": "RAAAAAAAAAA", "deployer/service": name}},
                "spec": {
                    "containers": [container],
                    "automountServiceAccountToken": False,
                    "enableServiceLinks": False,
                    "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
                    "terminationGracePeriodSeconds": grace,
                },
            },
        },
    }


def test_the_order_is_the_order_of_applying(release):
    assert [(obj["kind"], obj["metadata"]["name"]) for obj in manifests.render(release, installation="here")] == [
        ("Secret", "raaaaaaaaaa"),
        ("Service", "web"),
        ("Deployment", "web"),
        ("Deployment", "worker"),
        ("Ingress", "web"),
        ("PodDisruptionBudget", "web"),
        ("PodDisruptionBudget", "worker"),
    ]


def test_the_web_service_whole(release):
    http = {"path": "/health", "port": "http"}
    main = container(
        "web",
        plain={"PORT": "8080", "LOG_LEVEL": "info"},
        command=["python", "app.py"],
        ports=[{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        readinessProbe={
            "httpGet": http,
            "initialDelaySeconds": 5,
            "periodSeconds": 5,
            "timeoutSeconds": 4,
            "failureThreshold": 3,
        },
        livenessProbe={
            "httpGet": {"path": "/live", "port": "http"},
            "initialDelaySeconds": 10,
            "periodSeconds": 10,
            "timeoutSeconds": 5,
            "failureThreshold": 3,
        },
        lifecycle={"preStop": {"sleep": {"seconds": 5}}},
    )
    assert rendered(release)["Deployment", "web"] == deployment(
        "web",
        container=main,
        strategy={"maxSurge": "25%", "maxUnavailable": "0%"},
        ready=0,
        deadline=600,
        grace=30,
    )


def test_a_worker_whole(release):
    """No port: no probe, no Service object, nothing to wait for before it goes. No check: it must stay 10 s."""
    assert rendered(release)["Deployment", "worker"] == deployment(
        "worker",
        container=container("worker", plain={}, command=["python", "worker.py"]),
        strategy={"maxSurge": "100%", "maxUnavailable": "50%"},
        ready=10,
        deadline=70,
        grace=5,
    )


def test_the_objects_around_them_whole(release):
    objects = rendered(release)
    assert objects["Secret", "raaaaaaaaaa"] == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata("raaaaaaaaaa", release="RAAAAAAAAAA"),
        "type": "Opaque",
        "data": {name: base64.b64encode(ENV[name].encode()).decode() for name in sorted(ENV)},
    }
    assert objects["Service", "web"] == {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata("web", service="web"),
        "spec": {
            "selector": {"deployer/app": "hello", "deployer/service": "web"},
            "ports": [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}],
            "sessionAffinity": "ClientIP",
        },
    }
    backend = {"service": {"name": "web", "port": {"name": "http"}}}
    http = {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}
    assert objects["Ingress", "web"] == {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": metadata("web", service="web"),
        "spec": {"rules": [{"host": "www.example.com", "http": http}, {"host": "example.com", "http": http}]},
    }


def test_values_of_the_environment_are_in_the_secret_only(release):
    for (kind, _), obj in rendered(release).items():
        if kind != "Secret":
            assert not [value for value in ("very-secret", "shared-secret") if value in json.dumps(obj)]


def test_the_same_release_gives_the_same_objects_always(release):
    again = type(release).objects.get(pk=release.pk)
    assert manifests.render(again, installation="here") == manifests.render(release, installation="here")


def test_a_change_of_a_variable_alone_rolls_and_the_selector_stays(release):
    other = factories.release(release.app, manifest=MANIFEST, env=ENV | {"SHARED": "x"}, build=release.build)
    before, after = (rendered(which)["Deployment", "web"]["spec"] for which in (release, other))
    assert before["template"] != after["template"]
    assert before["selector"] == after["selector"]


def test_scale_and_epoch_are_not_in_what_a_release_renders(release):
    """Scale belongs to the app; an epoch in the template would roll again with each worker."""
    text = json.dumps(list(rendered(release).values()))
    assert '"replicas"' not in text and "deployer/epoch" not in text


@pytest.mark.parametrize(("grace", "pause"), [(30, 5), (6, 5), (5, 4), (2, 1), (1, None), (0, None)])
def test_the_pause_before_the_end_fits_into_the_grace(grace, pause):
    app = factories.app("hello")
    release = factories.release(app, manifest=f"services: {{web: {{port: 1, termination: {{grace: {grace}}}}}}}")
    main = rendered(release)["Deployment", "web"]["spec"]["template"]["spec"]["containers"][0]
    assert main.get("lifecycle") == (pause and {"preStop": {"sleep": {"seconds": pause}}})


def test_immediate_replaces_all_at_once():
    release = factories.release(
        factories.app("hello"), manifest="services: {web: {}}\ndeployment: {strategy: immediate}"
    )
    strategy = rendered(release)["Deployment", "web"]["spec"]["strategy"]["rollingUpdate"]
    assert strategy["maxUnavailable"] == "100%"


def test_the_release_command_runs_once_with_the_releases_own_image_and_environment(release):
    job = manifests.release_job(release, number=7, installation="here", epoch="7.1")
    assert job["spec"]["suspend"] is True  # until its uid is noted
    assert job["metadata"] == metadata("release-7", release="RAAAAAAAAAA") | {
        "annotations": {"deployer/installation": "here", "deployer/epoch": "7.1"}
    }
    assert (job["spec"]["backoffLimit"], job["spec"]["activeDeadlineSeconds"]) == (0, 300)
    assert "ttlSecondsAfterFinished" not in job["spec"]
    pod = job["spec"]["template"]
    assert pod["spec"]["restartPolicy"] == "Never"
    assert "deployer/service" not in pod["metadata"]["labels"]  # no requests for it
    [main] = pod["spec"]["containers"]
    assert main["command"] == ["python", "migrate.py"] and main["image"] == factories.IMAGE
    assert main["envFrom"] == [{"secretRef": {"name": "raaaaaaaaaa"}}]
    assert not {"ports", "readinessProbe", "livenessProbe", "lifecycle"} & set(main)


def test_the_namespace_and_the_scale_patch():
    assert manifests.namespace("deployer-hello", "hello", installation="here") == {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "deployer-hello", "labels": OURS, "annotations": {"deployer/installation": "here"}},
    }
    assert manifests.replicas("web", "deployer-hello", 5) == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "deployer-hello"},
        "spec": {"replicas": 5},
    }


def test_a_variable_of_the_environment_wins_over_a_default(release):
    names = [
        entry["name"]
        for entry in rendered(release)["Deployment", "web"]["spec"]["template"]["spec"]["containers"][0]["env"]
    ]
    assert "REGION" not in names  # plain `env` would win over the Secret
    assert names.count("PORT") == 1


# --- Strategies -----------------------------------------------------------------------------------------------------


def limits(strategy, **deployment):
    given = {"minimum": 100, "maximum": 125, **deployment}
    return strategies.STRATEGIES[strategy].limits({"deployment": given})["rollingUpdate"]


def test_rolling_adds_before_it_takes_away():
    assert limits("rolling") == {"maxSurge": "25%", "maxUnavailable": "0%"}
    assert limits("rolling", minimum=50, maximum=200) == {"maxSurge": "100%", "maxUnavailable": "50%"}
    assert limits("rolling", minimum=50, maximum=100) == {"maxSurge": "0%", "maxUnavailable": "50%"}


def test_rolling_may_always_add_at_least_one():
    """A cluster refuses a Deployment that may neither add nor take away."""
    assert limits("rolling", minimum=100, maximum=100) == {"maxSurge": 1, "maxUnavailable": "0%"}


def test_immediate_is_all_at_once():
    assert limits("immediate") == {"maxSurge": "25%", "maxUnavailable": "100%"}
    assert limits("immediate", minimum=100, maximum=100) == {"maxSurge": "0%", "maxUnavailable": "100%"}


@pytest.mark.parametrize("name", ["rolling", "immediate"])
def test_the_manifest_s_strategy_is_the_deployment_s(db, name):
    text = factories.MANIFEST + f"deployment: {{strategy: {name}}}\n"
    release = factories.release(factories.app(), manifest=text)
    [deployment] = [obj for obj in manifests.render(release, installation="local") if obj["kind"] == "Deployment"]
    assert deployment["spec"]["strategy"]["rollingUpdate"] == limits(name)


@pytest.mark.parametrize("name", ["blue-green", "blue_green", "canary"])
def test_a_strategy_that_is_not_there_yet_is_an_error(name):
    with pytest.raises(ManifestInvalid, match="strategy"):
        deployer_yml.parse(factories.MANIFEST + f"deployment: {{strategy: {name}}}\n")
