"""Discovery and OpenAPI, compared with the recorded documents of a real API server for what is served here."""

import hashlib
import json
from pathlib import Path

import pytest

from localcluster.server import openapi_reduction
from localcluster.server.openapi import FOLDER
from localcluster.store.resources import KINDS, kinds_of

RECORDED = Path(__file__).parent.parent / "recordings" / "openapi"
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v={};as=APIGroupDiscoveryList"
GROUPS = ["api/v1", "apis/apps/v1", "apis/autoscaling/v2", "apis/batch/v1", "apis/policy/v1"]


def recorded(name):
    return json.loads((RECORDED / f"{name}.json").read_text())


def by_name(entries, key="name"):
    return {entry[key]: {k: v for k, v in entry.items() if k != "storageVersionHash"} for entry in entries}


@pytest.mark.parametrize("path", ["api/v1", "apis/apps/v1"])
def test_resources_are_described_as_recorded(api, path):
    said = api.get(f"/{path}").json()
    real = recorded(f"discovery_{path.replace('/', '_')}")
    assert {key: said[key] for key in said if key != "resources"} == {k: real[k] for k in real if k != "resources"}
    wanted = by_name(real["resources"])
    for name, entry in by_name(said["resources"]).items():
        assert entry == wanted[name]


@pytest.mark.parametrize("form", ["v2", "v2beta1"])
def test_aggregated_discovery_is_as_recorded(api, form):
    answer = api.get("/apis", headers={"accept": AGGREGATED.format(form)})
    assert answer.headers["content-type"] == AGGREGATED.format(form)
    real = {item["metadata"]["name"]: item for item in recorded("aggregated_discovery_apis")["items"]}
    said = answer.json()["items"]
    order = [item["metadata"]["name"] for item in said]
    assert order == [name for name in real if name in order]
    for item in said:
        versions = by_name(real[item["metadata"]["name"]]["versions"], "version")
        for version in item["versions"]:
            wanted = by_name(versions[version["version"]]["resources"], "resource")
            for name, entry in by_name(version["resources"], "resource").items():
                assert entry == wanted[name]


def test_groups_are_listed_as_recorded(api):
    real = by_name(recorded("discovery_apis")["groups"])
    for entry in api.get("/apis").json()["groups"]:
        wanted = real[entry["name"]]
        assert [v for v in wanted["versions"] if v in entry["versions"]] == entry["versions"]
        assert entry["preferredVersion"] == wanted["preferredVersion"]


def test_the_version_has_the_fields_of_a_real_one(api):
    assert set(api.get("/version").json()) == set(recorded("version"))


def test_the_index_names_documents_by_their_hash(api):
    index = api.get("/openapi/v3").json()["paths"]
    assert set(GROUPS) <= set(index)
    for name, entry in index.items():
        answer = api.get(entry["serverRelativeURL"])
        digest = hashlib.sha512(answer.content).hexdigest().upper()
        assert entry["serverRelativeURL"] == f"/openapi/v3/{name}?hash={digest}"
        assert answer.headers["etag"] == f'"{digest}"'
        assert answer.headers["cache-control"] == "public, immutable"
        again = api.get(entry["serverRelativeURL"], headers={"if-none-match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
    old = api.get("/openapi/v3/api/v1?hash=OLD")
    assert (old.status_code, old.headers["location"]) == (301, index["api/v1"]["serverRelativeURL"])


@pytest.mark.parametrize("name", GROUPS)
def test_documents_are_the_recorded_ones_for_what_is_served(api, name):
    said, real = api.get(f"/openapi/v3/{name}").json(), recorded(name.replace("/", "_"))
    for address, item in said["paths"].items():
        assert item == real["paths"][address]
    for schema, content in said["components"]["schemas"].items():
        assert content == real["components"]["schemas"][schema]
    group, version = ("", "v1") if name == "api/v1" else tuple(name.split("/")[1:])
    for kind in kinds_of(group, version):
        scope = "/namespaces/{namespace}" if kind.namespaced else ""
        for part in ("", "/{name}", *(f"/{{name}}/{part}" for part in kind.subresources)):
            assert f"{kind.prefix}{scope}/{kind.plural}{part}" in said["paths"]


def test_the_documents_in_the_package_are_what_the_script_makes(tmp_path):
    openapi_reduction.write(openapi_reduction.reduce_documents(RECORDED), tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        path.name: path.read_bytes() for path in FOLDER.iterdir()
    }


def test_other_forms_are_negotiated(api):
    v3 = "application/com.github.proto-openapi.spec.v3@v1.0+protobuf"
    assert api.get("/openapi/v3/api/v1", headers={"accept": v3}).status_code == 406
    v2 = api.get("/openapi/v2", headers={"accept": "application/json"}).json()
    assert v2["swagger"] == "2.0"
    kinds = {
        identity["kind"]
        for schema in v2["definitions"].values()
        for identity in schema.get("x-kubernetes-group-version-kind", [])
    }
    assert set(KINDS) <= kinds
    protobuf = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
    assert b"fieldValidation" in api.get("/openapi/v2", headers={"accept": protobuf}).content
    assert api.get("/openapi/v3/apis/nope/v1").status_code == 404
