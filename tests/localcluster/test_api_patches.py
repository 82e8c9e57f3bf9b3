"""Patches over the wire: the directives of strategic merge patches, JSON patches, and what cannot be done."""

import pytest

from tests.localcluster.conftest import config_map, deployment

APPS = "/apis/apps/v1/namespaces"
STRATEGIC, JSON, MERGE = (f"application/{form}+json" for form in ("strategic-merge-patch", "json-patch", "merge-patch"))


@pytest.fixture
def url(api, namespace):
    body = deployment()
    body["spec"]["template"]["spec"]["containers"][0] |= {
        "env": [{"name": name, "value": "1"} for name in "ABC"],
        "args": ["x", "y"],
    }
    body["metadata"]["finalizers"] = []
    assert api.post(f"{APPS}/{namespace}/deployments", json=body).status_code == 201
    return f"{APPS}/{namespace}/deployments/web"


def patched(api, url, form, body, status=200):
    answer = api.patch(url, json=body, headers={"content-type": form})
    assert answer.status_code == status, answer.text
    return answer.json()


def container(change):
    return {"spec": {"template": {"spec": {"containers": [{"name": "main", **change}]}}}}


def first(obj):
    return obj["spec"]["template"]["spec"]["containers"][0]


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"env": [{"name": "B", "$patch": "delete"}]}, "AC"),
        ({"env": [{"name": "D", "value": "4"}]}, "ABCD"),
        ({"env": [{"$patch": "replace"}, {"name": "Z", "value": "1"}]}, "Z"),
        ({"$setElementOrder/env": [{"name": name} for name in "CBA"]}, "CBA"),
        ({"$setElementOrder/env": [{"name": "D"}, {"name": "A"}], "env": [{"name": "D", "value": "4"}]}, "DBCA"),
        ({"env": None}, ""),
    ],
)
def test_directives_for_lists_are_followed(api, url, change, names):
    obj = patched(api, url, STRATEGIC, container(change))
    assert "".join(item["name"] for item in first(obj).get("env", [])) == names
    assert first(obj)["args"] == ["x", "y"]


def test_directives_for_maps_and_plain_lists_are_followed(api, namespace, url):
    kept = {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}
    assert patched(api, url, STRATEGIC, kept)["spec"]["strategy"] == {"type": "Recreate"}
    assert first(patched(api, url, STRATEGIC, container({"args": ["z"]})))["args"] == ["z"]
    maps = f"/api/v1/namespaces/{namespace}/configmaps"
    body = config_map(a="1")
    body["metadata"]["finalizers"] = ["a.io/x", "a.io/y"]
    api.post(maps, json=body)
    one = f"{maps}/settings"
    more = patched(api, one, STRATEGIC, {"metadata": {"finalizers": ["a.io/z", "a.io/x"]}})
    assert more["metadata"]["finalizers"] == ["a.io/x", "a.io/y", "a.io/z"]
    fewer = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a.io/x", "a.io/z"]}}
    assert patched(api, one, STRATEGIC, fewer)["metadata"]["finalizers"] == ["a.io/y"]
    assert patched(api, one, STRATEGIC, {"data": {"$patch": "replace", "b": "2"}})["data"] == {"b": "2"}
    patched(api, one, MERGE, {"metadata": {"finalizers": None}})


@pytest.mark.parametrize(
    ("form", "body", "status", "words"),
    [
        (
            STRATEGIC,
            container({"env": [{"value": "1"}]}),
            500,
            "map: map[value:1] does not contain declared merge key: name",
        ),
        (STRATEGIC, {"spec": {"$retainKeys": 5}}, 400, "invalid patch format of retainKeys"),
        (STRATEGIC, {"metadata": {"finalizers": [{}]}}, 400, "invalid patch format of primitive list"),
        (STRATEGIC, container({"$setElementOrder/env": 1}), 400, "invalid patch format of setElementOrder list"),
        (STRATEGIC, {"spec": {"$patch": "odd"}}, 500, "unknown patch type: odd"),
        (STRATEGIC, [], 400, "cannot unmarshal array into Go value of type map[string]interface {}"),
        (JSON, {}, 400, "json: cannot unmarshal object into Go value of type jsonpatch.Patch"),
        (JSON, ["x"], 400, "json: cannot unmarshal string into Go value of type jsonpatch.Operation"),
        (JSON, [{"op": "test", "path": "/spec/replicas", "value": False}], 422, "due to an error in our request"),
        (JSON, [{"op": "remove", "path": "/spec/nothing"}], 422, "due to an error in our request"),
        (JSON, [{"op": "move", "from": "/spec", "path": "/spec/x"}], 422, "due to an error in our request"),
        (
            JSON,
            [{"op": "copy", "from": "/spec", "path": f"/spec/x{n}"} for n in range(40)],
            422,
            "due to an error in our request",
        ),
        (JSON, [{"op": "test", "path": ""}] * 10_001, 413, "maximum operations in a JSON patch is 10000, got 10001"),
        (JSON, [{"op": "replace", "path": "", "value": 5}], 400, "the patch leaves no object"),
        (MERGE, {"metadata": None}, 400, ""),
        (
            MERGE,
            {"spec": {"replicas": "x"}},
            400,
            "cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas",
        ),
    ],
)
def test_what_cannot_be_done_is_refused_in_the_servers_words(api, url, form, body, status, words):
    before = api.get(url).json()
    assert words in patched(api, url, form, body, status)["message"]
    assert api.get(url).json()["spec"] == before["spec"]


def test_a_field_that_is_given_twice_is_told_or_refused(api, namespace):
    maps = f"/api/v1/namespaces/{namespace}/configmaps"
    text = '{"metadata": {"name": "a", "name": "b"}, "data": {"k": "1", "k": "2"}}'
    headers = {"content-type": "application/json"}
    refused = api.post(f"{maps}?fieldValidation=Strict", content=text, headers=headers)
    assert refused.status_code == 400
    assert refused.json()["message"].endswith(
        'strict decoding error: duplicate field "metadata.name", duplicate field "data.k"'
    )
    warned = api.post(maps, content=text, headers=headers)
    assert warned.headers["warning"] == (
        '299 - "duplicate field \\"metadata.name\\"", 299 - "duplicate field \\"data.k\\""'
    )
    assert (warned.json()["metadata"]["name"], warned.json()["data"]) == ("b", {"k": "2"})
    assert "warning" not in api.post(f"{maps}?fieldValidation=Ignore&dryRun=All", content=text, headers=headers).headers


APPLY = {"content-type": "application/apply-patch+yaml"}


def applied(api, url, body, status=200, manager="a", **options):
    query = "&".join(f"{name}={value}" for name, value in {"fieldManager": manager, **options}.items())
    answer = api.patch(f"{url}?{query}", json=body, headers=APPLY)
    assert answer.status_code == status, answer.text
    return answer.json()


def test_owners_share_take_and_give_up_fields(api, namespace):
    url = f"/api/v1/namespaces/{namespace}/configmaps/settings"
    applied(api, url, config_map(a="1", b="1"), 201)
    applied(api, url, config_map(a="1"), manager="b")
    assert "2 conflicts" in applied(api, url, config_map(a="2"), 409, manager="c")["message"]
    applied(api, url, config_map(a="2"), manager="c", force="true")
    assert applied(api, url, config_map(b="1"))["data"] == {"a": "2", "b": "1"}
    assert applied(api, url, config_map(), manager="a")["data"] == {"a": "2"}
    assert "data" not in applied(api, url, config_map(), manager="c")


def test_managed_fields_can_be_wiped(api, namespace):
    url = f"/api/v1/namespaces/{namespace}/configmaps/settings"
    applied(api, url, config_map(a="1"), 201)
    wiped = patched(api, url, MERGE, {"metadata": {"managedFields": [{}]}})
    assert "managedFields" not in wiped["metadata"]
    kept = patched(api, url, MERGE, {"metadata": {"managedFields": []}})
    assert "managedFields" not in kept["metadata"]
    owners = applied(api, url, config_map(a="2"))["metadata"]["managedFields"]
    assert [owner["manager"] for owner in owners] == ["a"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"env": [{"name": "A"}, {"name": "A"}]}, '.env: duplicate entries for key [name="A"]'),
        ({"env": [{"value": "A"}]}, ".env: element 0: associative list with keys has an element that omits key field"),
        ({"env": {}}, ".env: expected list, got "),
    ],
)
def test_an_apply_must_tell_items_apart(api, url, change, words):
    body = {"apiVersion": "apps/v1", "kind": "Deployment", **container(change)}
    message = applied(api, url, body, 500)["message"]
    assert message.startswith("failed to create typed patch object (/; apps/v1, Kind=Deployment): .spec.template")
    assert words in message
