"""What makes objects of each kind invalid, and what of them may not change, in the words of a real API server."""

import copy

import pytest

from localcluster.store.resources import KINDS
from tests.localcluster.rich_objects import rich

MERGE = {"content-type": "application/merge-patch+json"}


ENV = "spec/containers/0/env"


def variable(source, **values):
    return {"name": "A", "valueFrom": {source: values}}


def address(kind, namespace):
    return f"{KINDS[kind].prefix}/namespaces/{namespace}/{KINDS[kind].plural}"


def changed(body, path, value):
    """A copy with one field set, or taken out where the value is None; list items are named by number."""
    new = copy.deepcopy(body)
    *steps, last = path.split("/")
    at = new
    for step in steps:
        at = at[int(step)] if step.isdecimal() else at.setdefault(step, {})
    if value is None:
        at.pop(last, None)
    else:
        at[last] = value
    return new


@pytest.mark.parametrize(
    ("kind", "path", "value", "message"),
    [
        ("CronJob", "spec/schedule", "x", 'spec.schedule: Invalid value: "x": expected exactly 5 fields, found 1: [x]'),
        ("CronJob", "spec/schedule", "61 * * * *", "end of range (61) above maximum (59): 61"),
        ("CronJob", "spec/schedule", None, "spec.schedule: Required value"),
        (
            "CronJob",
            "spec/timeZone",
            "Mars/Base",
            'spec.timeZone: Invalid value: "Mars/Base": unknown time zone Mars/Base',
        ),
        ("CronJob", "spec/concurrencyPolicy", "Odd", 'supported values: "Allow", "Forbid", "Replace"'),
        ("Job", "spec/completions", -1, "spec.completions: Invalid value: -1: must be greater than or equal to 0"),
        ("Job", "spec/template/spec/restartPolicy", "Always", 'Required value: valid values: "OnFailure", "Never"'),
        (
            "HorizontalPodAutoscaler",
            "spec/maxReplicas",
            0,
            "spec.maxReplicas: Invalid value: 0: must be greater than 0",
        ),
        ("HorizontalPodAutoscaler", "spec/minReplicas", 9, "must be greater than or equal to `minReplicas`"),
        ("HorizontalPodAutoscaler", "spec/scaleTargetRef/name", None, "spec.scaleTargetRef.name: Required value"),
        ("PodDisruptionBudget", "spec/maxUnavailable", 1, "minAvailable and maxUnavailable cannot be both set"),
        ("PodDisruptionBudget", "spec/minAvailable", "200%", "must not be greater than 100%"),
        ("ResourceQuota", "spec/hard/odd", "1", 'spec.hard[odd]: Invalid value: "odd"'),
        ("ResourceQuota", "spec/hard/pods", "-1", "must be greater than or equal to 0"),
        ("PersistentVolumeClaim", "spec/accessModes", None, "at least 1 access mode is required"),
        ("PersistentVolumeClaim", "spec/accessModes", ["Odd"], 'Unsupported value: "Odd"'),
        ("PersistentVolumeClaim", "spec/resources", None, "spec.resources[storage]: Required value"),
        ("Ingress", "spec/rules/0/http/paths/0/pathType", None, "pathType: Required value: pathType must be specified"),
        ("Ingress", "spec/rules/0/http/paths/0/path", "x", 'Invalid value: "x": must be an absolute path'),
        ("Ingress", "spec/rules/0/http/paths/0/backend/service/port", None, "port name or number is required"),
        ("Ingress", "spec/rules", None, "either `defaultBackend` or `rules` must be specified"),
        ("Service", "spec/type", "Odd", 'supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"'),
        ("Service", "spec/ports/0/nodePort", 80, "The range of valid ports is 30000-32767"),
        ("Service", "spec/ports/1/name", "http", 'spec.ports[1].name: Duplicate value: "http"'),
        (
            "Service",
            "spec/ports/0/protocol",
            "ICMP",
            'Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"',
        ),
        ("EndpointSlice", "addressType", "Odd", 'supported values: "FQDN", "IPv4", "IPv6"'),
        ("EndpointSlice", "endpoints/0/addresses", ["x"], "must be a valid IP address"),
        ("Secret", "type", "kubernetes.io/tls", "data[tls.crt]: Required value"),
        ("Secret", "type", "kubernetes.io/dockerconfigjson", "data[.dockerconfigjson]: Required value"),
        ("ConfigMap", "data/a key", "1", "a valid config key must consist of"),
        ("Pod", "spec/containers/0/ports/0/containerPort", 0, "must be between 1 and 65535, inclusive"),
        ("Pod", ENV, [{"name": "A", "valueFrom": {}}], 'env[0].valueFrom: Invalid value: "": must specify one of:'),
        ("Pod", ENV, [variable("fieldRef")], "env[0].valueFrom.fieldRef.fieldPath: Required value"),
        ("Pod", ENV, [variable("fieldRef", fieldPath="spec.containers")], 'Unsupported value: "spec.containers"'),
        ("Pod", ENV, [variable("secretKeyRef", name="a")], "env[0].valueFrom.secretKeyRef.key: Required value"),
        ("Pod", ENV, [variable("resourceFieldRef", resource="limits.odd")], 'Unsupported value: "limits.odd"'),
        ("Event", "involvedObject/namespace", "other", "does not match event.namespace"),
    ],
)
def test_a_wrong_object_is_refused(api, namespace, kind, path, value, message):
    url = address(kind, namespace)
    body = rich(kind, "rich", namespace)
    assert api.post(f"{url}?dryRun=All", json=body).status_code == 201
    refused = api.post(f"{url}?dryRun=All", json=changed(body, path, value))
    assert refused.status_code == 422, refused.text
    assert message in refused.json()["message"]
    assert refused.json()["details"]["causes"]


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        ("Deployment", {"spec": {"selector": {"matchLabels": {"x": "y"}}}}, "spec.selector: Invalid value"),
        ("ReplicaSet", {"spec": {"selector": {"matchLabels": {"x": "y"}}}}, "spec.selector: Invalid value"),
        ("Job", {"spec": {"template": {"spec": {"hostname": "x"}}}}, "spec.template: Invalid value"),
        ("Job", {"spec": {"completions": 5}}, "spec.completions: Invalid value: 5: field is immutable"),
        ("Secret", {"type": "example.com/odd"}, 'type: Invalid value: "example.com/odd": field is immutable'),
        ("Service", {"spec": {"clusterIP": "10.96.1.1", "clusterIPs": ["10.96.1.1"]}}, "may not change once set"),
        (
            "PersistentVolumeClaim",
            {"spec": {"accessModes": ["ReadOnlyMany"]}},
            "spec: Forbidden: spec is immutable after",
        ),
        (
            "PersistentVolumeClaim",
            {"spec": {"resources": {"requests": {"storage": "1Mi"}}}},
            "field can not be less than",
        ),
        ("EndpointSlice", {"addressType": "IPv6"}, 'addressType: Invalid value: "IPv6": field is immutable'),
        ("Pod", {"spec": {"hostname": "x"}}, "spec: Forbidden: pod updates may not change fields other than"),
    ],
)
def test_what_must_stay_stays(api, namespace, kind, change, message):
    url = address(kind, namespace)
    assert api.post(url, json=rich(kind, "rich", namespace)).status_code == 201
    refused = api.patch(f"{url}/rich", json=change, headers=MERGE)
    assert refused.status_code == 422, refused.text
    assert message in refused.json()["message"]


@pytest.mark.parametrize("kind", ["ConfigMap", "Secret"])
def test_what_is_immutable_stays(api, namespace, kind):
    url = address(kind, namespace)
    api.post(url, json={**rich(kind, "rich", namespace), "immutable": True})
    for change in ({"data": {"a": "eA=="}}, {"immutable": False}):
        refused = api.patch(f"{url}/rich", json=change, headers=MERGE)
        assert refused.status_code == 422
        assert "Forbidden: field is immutable when `immutable` is set" in refused.json()["message"]


def test_what_is_being_deleted_gets_no_new_finalizers(api, namespace):
    url = address("ConfigMap", namespace)
    api.post(url, json={"metadata": {"name": "held", "finalizers": ["a.io/x"]}})
    api.delete(f"{url}/held")
    refused = api.patch(f"{url}/held", json={"metadata": {"finalizers": ["a.io/x", "a.io/y"]}}, headers=MERGE)
    assert refused.status_code == 422
    assert 'found new finalizers []string{"a.io/y"}' in refused.json()["message"]
    api.patch(f"{url}/held", json={"metadata": {"finalizers": None}}, headers=MERGE)


def test_ports_of_the_node_are_given_out_and_taken_back(api, namespace):
    url = address("Service", namespace)
    ports = api.post(url, json=rich("Service", "rich", namespace)).json()["spec"]["ports"]
    numbers = [port["nodePort"] for port in ports]
    assert len(set(numbers)) == 2 and all(30000 <= number <= 32767 for number in numbers)
    assert (
        api.patch(f"{url}/rich", json={"metadata": {"labels": {"a": "b"}}}, headers=MERGE).json()["spec"]["ports"]
        == ports
    )
    plain = api.patch(f"{url}/rich", json={"spec": {"type": "ClusterIP"}}, headers=MERGE).json()
    assert not any("nodePort" in port for port in plain["spec"]["ports"])
    again = api.patch(f"{url}/rich", json={"spec": {"type": "LoadBalancer"}}, headers=MERGE).json()
    assert all("nodePort" in port for port in again["spec"]["ports"])


def test_quotas_count_and_refuse(api, namespace):
    hard = {"count/configmaps": "3", "limits.memory": "1Gi", "pods": "5"}
    api.post(address("ResourceQuota", namespace), json={"metadata": {"name": "q"}, "spec": {"hard": hard}})
    pods = address("Pod", namespace)
    container = {"name": "c", "image": "none"}
    pod = {"metadata": {"name": "p"}, "spec": {"containers": [container]}}
    silent = api.post(pods, json=pod)
    assert silent.status_code == 403
    assert silent.json()["message"] == 'pods "p" is forbidden: failed quota: q: must specify limits.memory for: c'
    container["resources"] = {"limits": {"memory": "2Gi"}}
    assert api.post(pods, json=pod).json()["message"] == (
        'pods "p" is forbidden: exceeded quota: q, requested: limits.memory=2Gi, used: limits.memory=0, '
        "limited: limits.memory=1Gi"
    )


def test_what_hangs_on_pods_is_done_or_says_why_not(api, namespace):
    pods = address("Pod", namespace)
    body = rich("Pod", "p", namespace)
    assert api.post(pods, json=body).status_code == 201
    for part in ("exec", "attach", "portforward", "binding", "ephemeralcontainers", "proxy", "proxy/a/b"):
        for method in ("GET", "POST"):
            refused = api.request(method, f"{pods}/p/{part}")
            assert refused.status_code == 400 and "not served" in refused.json()["message"], part
    assert api.post(f"{pods}/none/exec").status_code == 404
    token = api.post(f"{address('ServiceAccount', namespace)}/default/token", json={})
    assert token.status_code in (400, 404) and "message" in token.json()
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "p"}}
    assert api.post(f"{pods}/p/eviction?dryRun=All", json=eviction).status_code == 201
    assert api.get(f"{pods}/p").status_code == 200
    assert api.post(f"{pods}/p/eviction", json=eviction).json()["status"] == "Success"
    assert api.get(f"{pods}/p").status_code == 404


def test_a_dry_run_of_everything_leaves_nothing(api, namespace):
    """No object, no address, no event: for each verb."""
    services, maps = address("Service", namespace), address("ConfigMap", namespace)
    before = api.get(services).json()["metadata"]["resourceVersion"]
    body = rich("Service", "s", namespace)
    assert api.post(f"{services}?dryRun=All", json=body).json()["spec"]["clusterIP"]
    assert api.get(services).json()["items"] == []
    made = api.post(maps, json={"metadata": {"name": "m", "labels": {"dry": "yes"}}}).json()
    after = made["metadata"]["resourceVersion"]
    dry = f"{maps}/m?dryRun=All"
    assert api.put(dry, json={**made, "data": {"a": "1"}}).json()["data"] == {"a": "1"}
    assert api.patch(dry, json={"data": {"a": "1"}}, headers=MERGE).json()["data"] == {"a": "1"}
    assert api.delete(dry).status_code == 200
    assert len(api.delete(f"{maps}?dryRun=All&labelSelector=dry").json()["items"]) == 1
    applied = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"b": "1"}}
    apply = {"content-type": "application/apply-patch+yaml"}
    assert api.patch(f"{dry}&fieldManager=x", json=applied, headers=apply).json()["data"] == {"b": "1"}
    assert api.get(f"{maps}/m").json()["metadata"]["resourceVersion"] == after
    assert int(before) < int(after)


def test_what_has_a_version_is_not_created(api, namespace):
    url = address("ConfigMap", namespace)
    made = api.post(url, json={"metadata": {"name": "m"}}).json()
    again = api.post(url, json={**made, "metadata": {**made["metadata"], "name": "n"}})
    assert again.status_code == 500
    assert again.json()["message"] == "resourceVersion should not be set on objects to be created"
