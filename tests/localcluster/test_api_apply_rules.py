"""The rules of server-side apply, without a server."""

import pytest

from localcluster.errors import StatusError
from localcluster.store import fieldsets, patches
from localcluster.store.apply import apply
from localcluster.store.json_patches import json_patch
from localcluster.store.schema import of_kind

LABELS = {"app": "web"}


def deployment(image="v1", *, replicas=None, env=(), sidecar=False):
    containers = [{"name": "main", "image": image}]
    if env:
        containers[0]["env"] = [{"name": name, "value": value} for name, value in env]
    if sidecar:
        containers.append({"name": "sidecar", "image": "proxy"})
    spec = {
        "selector": {"matchLabels": LABELS},
        "template": {"metadata": {"labels": LABELS}, "spec": {"containers": containers}},
    }
    if replicas is not None:
        spec["replicas"] = replicas
    return {"kind": "Deployment", "apiVersion": "apps/v1", "metadata": {"name": "web"}, "spec": spec}


def applied(live, config, manager="a", **options):
    return apply("Deployment", live, config, manager=manager, **options)


def containers(obj):
    return obj["spec"]["template"]["spec"]["containers"]


def managers(obj):
    return {entry["manager"]: fieldsets.decode(entry["fieldsV1"]) for entry in obj["metadata"]["managedFields"]}


def test_what_a_manager_leaves_out_goes_and_its_defaults_go_with_it():
    live = applied(None, deployment(env=[("A", "1"), ("B", "2")], sidecar=True))
    containers(live)[1]["imagePullPolicy"] = "Always"
    live = applied(live, deployment(env=[("B", "2")]))
    assert containers(live) == [{"name": "main", "image": "v1", "env": [{"name": "B", "value": "2"}]}]


def test_what_another_manager_owns_too_stays():
    live = applied(None, deployment(replicas=3))
    live = applied(live, {**deployment(), "spec": {"replicas": 3}}, manager="scale")
    live = applied(live, deployment())
    assert live["spec"]["replicas"] == 3
    assert ("f:spec", "f:replicas") not in managers(live)["a"]


def test_a_field_nobody_owns_any_more_goes():
    live = applied(None, deployment(replicas=3))
    assert "replicas" not in applied(live, deployment())["spec"]


def test_a_conflict_names_managers_and_fields():
    live = applied(None, deployment(replicas=1))
    with pytest.raises(StatusError) as refused:
        applied(live, deployment("v2", replicas=3), manager="b")
    assert refused.value.message == (
        'Apply failed with 2 conflicts: conflicts with "a":\n- .spec.replicas\n'
        '- .spec.template.spec.containers[name="main"].image'
    )


def test_force_takes_the_fields_away():
    live = applied(None, deployment("v1"))
    live = applied(live, deployment("v2"), manager="b", force=True)
    image = ("f:spec", "f:template", "f:spec", "f:containers", 'k:{"name":"main"}', "f:image")
    assert containers(live)[0]["image"] == "v2"
    assert image in managers(live)["b"] and image not in managers(live)["a"]


def test_applying_the_same_again_changes_nothing():
    live = applied(None, deployment(env=[("A", "1")]))
    assert applied(live, deployment(env=[("A", "1")])) == live


def test_items_of_others_keep_their_place():
    live = applied(None, deployment(env=[("A", "1"), ("C", "3")]))
    live = applied(live, {**deployment(env=[("B", "2")])}, manager="b")
    live = applied(live, deployment(env=[("C", "3"), ("A", "1")]))
    assert [item["name"] for item in containers(live)[0]["env"]] == ["C", "A", "B"]


def test_managed_fields_survive_their_encoding():
    config = deployment(env=[("A", "1")])
    fields = fieldsets.of_object(of_kind("Deployment"), config)
    assert fieldsets.decode(fieldsets.encode(fields)) == fields
    assert ("f:spec", "f:selector") in fields


def test_a_strategic_patch_merges_lists_by_key_and_follows_its_directives():
    live = deployment(env=[("A", "1"), ("B", "2")])
    change = {
        "$setElementOrder/env": [{"name": "B"}, {"name": "C"}],
        "name": "main",
        "env": [{"name": "A", "$patch": "delete"}, {"name": "C", "value": "3"}],
    }
    patch = {"spec": {"template": {"spec": {"containers": [change]}}}}
    patched = patches.strategic(of_kind("Deployment"), live, patch)
    assert [item["name"] for item in containers(patched)[0]["env"]] == ["B", "C"]
    assert containers(live)[0]["env"][0]["name"] == "A"


def test_a_json_patch_is_all_or_nothing():
    live = {"a": [1, 2], "b": {"c": 1}}
    operations = [
        {"op": "test", "path": "/b/c", "value": 1},
        {"op": "add", "path": "/a/1", "value": 9},
        {"op": "move", "from": "/b/c", "path": "/d~1e"},
        {"op": "remove", "path": "/a/0"},
    ]
    assert json_patch(live, operations) == {"a": [9, 2], "b": {}, "d/e": 1}
    for broken in ({"op": "test", "path": "/a", "value": 0}, {"op": "remove", "path": "/a/7"}, {"op": "x"}, {}):
        with pytest.raises(StatusError):
            json_patch(live, [operations[1], broken])
    assert live == {"a": [1, 2], "b": {"c": 1}}


def test_a_zero_takes_the_place_of_a_value(api, namespace):
    url = f"/apis/apps/v1/namespaces/{namespace}/deployments/web"
    body = {**deployment(), "metadata": {"name": "web", "namespace": namespace}}

    def ask(manager, *, force=False, **spec):
        asked = {**body, "spec": {**body["spec"], **spec}}
        headers = {"content-type": "application/apply-patch+yaml"}
        params = {"fieldManager": manager, "force": str(force).lower()}
        return api.patch(url, params=params, headers=headers, json=asked)

    assert ask("a", paused=True, minReadySeconds=7).status_code == 201
    refused = ask("b", paused=False, minReadySeconds=0)
    assert refused.status_code == 409
    assert "- .spec.minReadySeconds\n- .spec.paused" in refused.json()["message"]
    taken = ask("b", force=True, paused=False, minReadySeconds=0)
    assert taken.status_code == 200
    assert not {"paused", "minReadySeconds"} & set(taken.json()["spec"])
    assert ("f:spec", "f:paused") in managers(taken.json())["b"]
    assert ("f:spec", "f:paused") not in managers(taken.json())["a"]
    again = ask("b", paused=False, minReadySeconds=0)
    assert again.json()["metadata"]["generation"] == taken.json()["metadata"]["generation"]
    assert ask("c", paused=False).status_code == 200
    assert ask("b", paused=True).status_code == 409
