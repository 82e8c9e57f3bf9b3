"""What the API says about itself: groups, resources, version, and which parameters its addresses know."""

from typing import Any

from localcluster.store.resources import VERBS, Kind, group_versions, kinds_of

Object = dict[str, Any]

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

VERSION = {
    "major": "1",
    "minor": "36",
    "gitVersion": "v1.36.2+localcluster",
    "gitCommit": "0000000000000000000000000000000000000000",
    "gitTreeState": "clean",
    "buildDate": "2026-11-21T00:00:00Z",
    "goVersion": "none",
    "compiler": "none",
    "platform": "linux/amd64",
}

_SUBRESOURCE_VERBS = {"log": ("get",), "finalize": ("update",)}
_ACCESS = "authorization.k8s.io"


def wants_aggregated(accept: str) -> bool:
    """Whether a client of /api or /apis wants all of discovery at once."""
    return any(
        {"g=apidiscovery.k8s.io", "v=v2", "as=APIGroupDiscoveryList"} <= {part.strip() for part in choice.split(";")}
        for choice in accept.split(",")
    )


def versions(address: str) -> Object:
    """/api"""
    return {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
    }


def groups() -> Object:
    """/apis"""
    listed = [group(name) for name, _ in group_versions() if name]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [*listed, group(_ACCESS)]}


def group(name: str) -> Object | None:
    """/apis/<group>, without kind; None for an unknown one."""
    version = dict(group_versions(), **{_ACCESS: "v1"}).get(name) if name else None
    if version is None:
        return None
    entry = {"groupVersion": f"{name}/{version}", "version": version}
    return {"name": name, "versions": [entry], "preferredVersion": entry}


def resources(name: str, version: str) -> Object | None:
    """/api/v1, /apis/<group>/<version>; None for an unknown one."""
    listed: list[Object] = []
    for kind in kinds_of(name, version):
        listed.append(_resource(kind))
        listed += [_subresource(kind, part) for part in kind.subresources]
    if (name, version) == (_ACCESS, "v1"):
        review = {"name": "selfsubjectaccessreviews", "singularName": "selfsubjectaccessreview", "namespaced": False}
        listed.append({**review, "kind": "SelfSubjectAccessReview", "verbs": ["create"]})
    if not listed:
        return None
    group_version = f"{name}/{version}" if name else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": listed}


def _resource(kind: Kind) -> Object:
    resource: Object = {
        "name": kind.plural,
        "singularName": kind.singular,
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": list(VERBS),
    }
    if kind.short_names:
        resource["shortNames"] = list(kind.short_names)
    if kind.categories:
        resource["categories"] = list(kind.categories)
    return resource


def _subresource(kind: Kind, part: str) -> Object:
    resource: Object = {"name": f"{kind.plural}/{part}", "singularName": "", "namespaced": kind.namespaced}
    if part == "scale":
        resource |= {"group": "autoscaling", "version": "v1", "kind": "Scale"}
    else:
        resource["kind"] = kind.kind
    return {**resource, "verbs": list(_SUBRESOURCE_VERBS.get(part, ("get", "patch", "update")))}


def aggregated(*, core: bool) -> Object:
    """/api or /apis as one document (KEP-3352)."""
    items = [
        {
            "metadata": {"name": name} if name else {},
            "versions": [
                {
                    "version": version,
                    "resources": [_discovered(kind) for kind in kinds_of(name, version)],
                    "freshness": "Current",
                }
            ],
        }
        for name, version in group_versions()
        if (not name) is core
    ]
    return {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items}


def _discovered(kind: Kind) -> Object:
    resource: Object = {
        "resource": kind.plural,
        "responseKind": _response_kind(kind, ""),
        "scope": "Namespaced" if kind.namespaced else "Cluster",
        "singularResource": kind.singular,
        "verbs": list(VERBS),
    }
    if kind.short_names:
        resource["shortNames"] = list(kind.short_names)
    if kind.categories:
        resource["categories"] = list(kind.categories)
    if kind.subresources:
        resource["subresources"] = [
            {
                "subresource": part,
                "responseKind": _response_kind(kind, part),
                "verbs": list(_SUBRESOURCE_VERBS.get(part, ("get", "patch", "update"))),
            }
            for part in kind.subresources
        ]
    return resource


def _response_kind(kind: Kind, part: str) -> Object:
    if part == "scale":
        return {"group": "autoscaling", "version": "v1", "kind": "Scale"}
    return {"group": kind.group, "version": kind.version, "kind": kind.kind}


def openapi_index() -> Object:
    """/openapi/v3"""
    paths = [f"apis/{name}/{version}" if name else f"api/{version}" for name, version in group_versions()]
    return {"paths": {path: {"serverRelativeURL": f"/openapi/v3/{path}?hash=localcluster"} for path in paths}}


def openapi(name: str, version: str) -> Object | None:
    """/openapi/v3/…: just enough for clients that ask whether writes know `fieldValidation`; None for an unknown
    one."""
    kinds = kinds_of(name, version)
    if not kinds:
        return None
    parameters = [
        {"name": parameter, "in": "query", "schema": {"type": "string"}}
        for parameter in ("dryRun", "fieldManager", "fieldValidation", "force")
    ]
    paths = {}
    for kind in kinds:
        scope = "/namespaces/{namespace}" if kind.namespaced else ""
        identity = {"group": kind.group, "version": kind.version, "kind": kind.kind}
        operation = {
            "parameters": parameters,
            "responses": {"200": {"description": "OK"}},
            "x-kubernetes-group-version-kind": identity,
        }
        item = {"patch": operation, "put": operation}
        paths[f"{kind.prefix}{scope}/{kind.plural}/{{name}}"] = item
        paths[f"{kind.prefix}{scope}/{kind.plural}"] = {"post": operation}
    info = {"title": "localcluster", "version": VERSION["gitVersion"]}
    return {"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": {}}}
