"""Objects over the wire: create, read, change, delete."""

import base64

import pytest

from tests.localcluster.conftest import config_map, deployment, eventually

APPS = "/apis/apps/v1/namespaces"
CORE = "/api/v1/namespaces"


def test_a_deployment_comes_back_with_the_defaults_of_a_real_server(api, namespace):
    created = api.post(f"{APPS}/{namespace}/deployments", json=deployment(replicas=2, minReadySeconds=0))
    assert created.status_code == 201
    spec = created.json()["spec"]
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}}
    assert (spec["revisionHistoryLimit"], spec["progressDeadlineSeconds"]) == (10, 600)
    pod = spec["template"]["spec"]
    assert pod["containers"][0] == {
        "name": "main",
        "image": "local/web@sha256:" + "0" * 64,
        "resources": {},
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "IfNotPresent",
    }
    assert (pod["restartPolicy"], pod["dnsPolicy"], pod["securityContext"]) == ("Always", "ClusterFirst", {})
    assert created.json()["metadata"]["generation"] == 1 and "minReadySeconds" not in spec


def test_quantities_are_canonical_and_services_get_addresses(api, namespace):
    body = deployment()
    body["spec"]["template"]["spec"]["containers"][0]["resources"] = {"limits": {"cpu": "1000m", "memory": "1024Mi"}}
    made = api.post(f"{APPS}/{namespace}/deployments", json=body).json()
    resources = made["spec"]["template"]["spec"]["containers"][0]["resources"]
    assert resources["limits"] == {"cpu": "1", "memory": "1Gi"}
    service = {"metadata": {"name": "web"}, "spec": {"ports": [{"port": 80}], "selector": {"app": "web"}}}
    spec = api.post(f"{CORE}/{namespace}/services", json=service).json()["spec"]
    assert spec["clusterIP"].startswith("10.") and spec["clusterIPs"] == [spec["clusterIP"]]
    assert spec["ports"] == [{"port": 80, "protocol": "TCP", "targetPort": 80}]


def test_a_stale_write_is_refused_and_a_write_of_nothing_changes_nothing(api, namespace):
    url = f"{CORE}/{namespace}/configmaps"
    first = api.post(url, json=config_map(a="1")).json()
    same = api.put(f"{url}/settings", json=first).json()
    assert same["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    second = api.put(f"{url}/settings", json={**first, "data": {"a": "2"}})
    assert second.status_code == 200
    stale = api.put(f"{url}/settings", json={**first, "data": {"a": "3"}})
    assert (stale.status_code, stale.json()["reason"]) == (409, "Conflict")
    assert "please apply your changes to the latest version" in stale.json()["message"]


def test_each_kind_of_patch(api, namespace):
    url = f"{APPS}/{namespace}/deployments"
    api.post(url, json=deployment())

    def patch(form, body):
        return api.patch(f"{url}/web", json=body, headers={"content-type": f"application/{form}+json"})

    assert patch("merge-patch", {"spec": {"paused": True}}).json()["spec"]["paused"] is True
    assert "paused" not in patch("merge-patch", {"spec": {"paused": None}}).json()["spec"]
    main = {"name": "main", "env": [{"name": "A", "value": "1"}]}
    patched = patch("strategic-merge-patch", {"spec": {"template": {"spec": {"containers": [main]}}}}).json()
    assert patched["spec"]["template"]["spec"]["containers"][0]["image"].startswith("local/web")
    replaced = patch("json-patch", [{"op": "replace", "path": "/spec/revisionHistoryLimit", "value": 3}])
    assert replaced.json()["spec"]["revisionHistoryLimit"] == 3
    failed = patch("json-patch", [{"op": "test", "path": "/spec/revisionHistoryLimit", "value": 4}])
    assert failed.status_code == 422


def test_scale_and_its_owner(api, namespace):
    url = f"{APPS}/{namespace}/deployments/web"
    api.post(f"{APPS}/{namespace}/deployments", json=deployment())
    scaled = api.patch(
        f"{url}/scale?fieldManager=hpa",
        json={"spec": {"replicas": 1}},
        headers={"content-type": "application/merge-patch+json"},
    )
    assert scaled.json()["kind"] == "Scale" and scaled.json()["spec"] == {"replicas": 1}
    conflict = api.patch(
        f"{url}?fieldManager=d", json=deployment(replicas=4), headers={"content-type": "application/apply-patch+yaml"}
    )
    assert conflict.status_code == 409
    assert '"hpa" with subresource "scale" using apps/v1' in conflict.json()["message"]


def test_deletes_look_at_their_preconditions(api, namespace):
    url = f"{CORE}/{namespace}/configmaps/settings"
    made = api.post(f"{CORE}/{namespace}/configmaps", json=config_map()).json()["metadata"]
    for wrong in ({"uid": "other"}, {"resourceVersion": "1"}):
        refused = api.request("DELETE", url, json={"preconditions": wrong})
        assert refused.status_code == 409 and "in the precondition" in refused.json()["message"]
    right = {"uid": made["uid"], "resourceVersion": made["resourceVersion"]}
    gone = api.request("DELETE", url, json={"preconditions": right})
    assert gone.json()["status"] == "Success" and gone.json()["details"]["uid"] == made["uid"]
    assert api.get(url).status_code == 404


def test_an_object_with_finalizers_waits_for_the_last(api, namespace):
    url = f"{CORE}/{namespace}/configmaps"
    body = config_map()
    body["metadata"]["finalizers"] = ["example.com/hold"]
    api.post(url, json=body)
    assert "deletionTimestamp" in api.delete(f"{url}/settings").json()["metadata"]
    assert api.get(f"{url}/settings").status_code == 200
    no_finalizers = {"metadata": {"finalizers": None}}
    api.patch(f"{url}/settings", json=no_finalizers, headers={"content-type": "application/merge-patch+json"})
    assert api.get(f"{url}/settings").status_code == 404


def test_a_dry_run_leaves_no_trace(api, namespace):
    url = f"{CORE}/{namespace}/configmaps"
    assert api.post(f"{url}?dryRun=All", json=config_map(a="1")).status_code == 201
    assert api.get(f"{url}/settings").status_code == 404
    api.post(url, json=config_map(a="1"))
    changed = api.patch(
        f"{url}/settings?dryRun=All",
        json={"data": {"a": "2"}},
        headers={"content-type": "application/merge-patch+json"},
    )
    assert changed.json()["data"] == {"a": "2"} and api.get(f"{url}/settings").json()["data"] == {"a": "1"}
    api.delete(f"{url}/settings?dryRun=All")
    assert api.get(f"{url}/settings").status_code == 200


def test_lists_are_chosen(api, namespace):
    url = f"{CORE}/{namespace}/configmaps"
    for number in range(5):
        api.post(url, json=config_map(f"c{number}", {"odd": str(number % 2)}))

    def names(query):
        return [item["metadata"]["name"] for item in api.get(f"{url}?{query}").json()["items"]]

    assert names("labelSelector=odd%3D1") == ["c1", "c3"]
    assert names("labelSelector=odd,odd+notin+(1)") == ["c0", "c2", "c4"]
    assert names("fieldSelector=metadata.name%3Dc2") == ["c2"]
    everywhere = api.get("/api/v1/configmaps?labelSelector=odd").json()
    assert everywhere["kind"] == "ConfigMapList" and len(everywhere["items"]) >= 5
    deleted = api.delete(f"{url}?labelSelector=odd%3D0").json()["items"]
    assert len(deleted) == 3 and names("labelSelector=odd") == ["c1", "c3"]


def test_a_secret_takes_text_and_keeps_its_promise(api, namespace):
    url = f"{CORE}/{namespace}/secrets"
    made = api.post(url, json={"metadata": {"name": "s"}, "stringData": {"KEY": "välue"}, "immutable": True}).json()
    assert base64.b64decode(made["data"]["KEY"]).decode() == "välue" and "stringData" not in made
    assert made["type"] == "Opaque"
    refused = api.put(f"{url}/s", json={**made, "data": {}})
    assert refused.status_code == 422
    assert "data: Forbidden: field is immutable when `immutable` is set" in refused.json()["message"]
    not_encoded = api.post(url, json={"metadata": {"name": "t"}, "data": {"KEY": "%%%"}})
    assert not_encoded.status_code == 400


def test_a_namespace_goes_with_all_that_is_in_it(api):
    api.post(CORE, json={"metadata": {"name": "short-lived"}})
    api.post(f"{CORE}/short-lived/configmaps", json=config_map())
    assert api.delete(f"{CORE}/short-lived").json()["status"]["phase"] == "Terminating"
    eventually(lambda: api.get(f"{CORE}/short-lived").status_code == 404)
    assert api.get(f"{CORE}/short-lived/configmaps").json()["items"] == []
    missing = api.post(f"{CORE}/short-lived/configmaps", json=config_map())
    assert missing.json()["message"] == 'namespaces "short-lived" not found'


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"replicas": -1}, "spec.replicas: Invalid value: -1: must be greater than or equal to 0"),
        ({"strategy": {"type": "Blue"}}, 'Unsupported value: "Blue": supported values: "Recreate", "RollingUpdate"'),
        (
            {"strategy": {"type": "Recreate", "rollingUpdate": {"maxSurge": 1}}},
            "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'",
        ),
        (
            {"strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}},
            "may not be 0 when `maxSurge` is 0",
        ),
        ({"selector": {"matchLabels": {"app": "x"}}}, "`selector` does not match template `labels`"),
        ({"selector": None}, "spec.selector: Required value"),
        ({"progressDeadlineSeconds": 5, "minReadySeconds": 5}, "must be greater than minReadySeconds"),
    ],
)
def test_a_wrong_deployment_is_refused_in_the_servers_words(api, namespace, change, message):
    refused = api.post(f"{APPS}/{namespace}/deployments", json=deployment(**change))
    assert refused.status_code == 422, refused.text
    assert message in refused.json()["message"]
    assert refused.json()["details"]["causes"]


def test_what_may_not_change_does_not(api, namespace):
    url = f"{APPS}/{namespace}/deployments"
    made = api.post(url, json=deployment()).json()
    del made["metadata"]["resourceVersion"]  # the controllers write at the same time
    made["spec"]["selector"] = {"matchLabels": {"app": "web", "x": "y"}}
    made["spec"]["template"]["metadata"]["labels"]["x"] = "y"
    assert "field is immutable" in api.put(f"{url}/web", json=made).json()["message"]
    job = {"metadata": {"name": "j"}, "spec": {"suspend": True, "template": made["spec"]["template"]}}
    job["spec"]["template"]["spec"]["restartPolicy"] = "Never"
    jobs = f"/apis/batch/v1/namespaces/{namespace}/jobs"
    made = api.post(jobs, json=job).json()
    del made["metadata"]["resourceVersion"]
    assert made["spec"]["completionMode"] == "NonIndexed" and made["spec"]["selector"]["matchLabels"]
    made["spec"]["template"]["spec"]["containers"][0]["image"] = "other"
    assert "spec.template: Invalid value" in api.put(f"{jobs}/j", json=made).json()["message"]


def test_unknown_fields_are_told_or_refused(api, namespace):
    url = f"{APPS}/{namespace}/deployments"
    body = deployment()
    body["spec"]["replicaz"] = 1
    strict = api.post(f"{url}?fieldValidation=Strict", json=body)
    assert strict.status_code == 400 and 'unknown field "spec.replicaz"' in strict.json()["message"]
    warned = api.post(url, json=body)
    assert warned.headers["warning"] == '299 - "unknown field \\"spec.replicaz\\""'
    assert "replicaz" not in warned.json()["spec"]
    applied = api.patch(
        f"{url}/web?fieldManager=a", json=body, headers={"content-type": "application/apply-patch+yaml"}
    )
    assert applied.status_code == 500
    assert applied.json()["message"].endswith(".spec.replicaz: field not declared in schema")
