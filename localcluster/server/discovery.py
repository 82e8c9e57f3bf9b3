"""What the API says about itself: groups, resources and its version, as a real API server does."""

from typing import Any

from localcluster.server.access import REVIEWS
from localcluster.store.resources import VERBS, Kind, group_versions, kinds_of

Object = dict[str, Any]

VERSION = {
    "major": "1",
    "minor": "36",
    "emulationMajor": "1",
    "emulationMinor": "36",
    "minCompatibilityMajor": "1",
    "minCompatibilityMinor": "35",
    "gitVersion": "v1.36.2+localcluster",
    "gitCommit": "0000000000000000000000000000000000000000",
    "gitTreeState": "clean",
    "buildDate": "2026-11-21T00:00:00Z",
    "goVersion": "none",
    "compiler": "none",
    "platform": "linux/amd64",
}

_GROUPS = (
    "apps events.k8s.io authentication.k8s.io authorization.k8s.io autoscaling batch networking.k8s.io policy "
    "rbac.authorization.k8s.io storage.k8s.io scheduling.k8s.io coordination.k8s.io discovery.k8s.io"
)
_ORDER = _GROUPS.split()
_FORMS = ("v2", "v2beta1")
_CREATED = ("create",)
_CONNECTED = ("create", "get")
_SUBRESOURCES: dict[str, tuple[tuple[str, ...], str]] = {
    "attach": (_CONNECTED, "PodAttachOptions"),
    "binding": (_CREATED, "Binding"),
    "eviction": (_CREATED, "policy/v1/Eviction"),
    "exec": (_CONNECTED, "PodExecOptions"),
    "finalize": (("update",), ""),
    "log": (("get",), ""),
    "portforward": (_CONNECTED, "PodPortForwardOptions"),
    "scale": (("get", "patch", "update"), "autoscaling/v1/Scale"),
    "token": (_CREATED, "authentication.k8s.io/v1/TokenRequest"),
}
"""The verbs of subresources that have others than get, patch and update, and the kind where it is another."""


def aggregated_form(accept: str) -> str:
    """`v2` or `v2beta1` where a client of /api or /apis wants all of discovery at once, else empty."""
    for choice in accept.split(","):
        media_type, *rest = (part.strip() for part in choice.split(";"))
        if not {"g=apidiscovery.k8s.io", "as=APIGroupDiscoveryList"} <= set(rest) or media_type != "application/json":
            continue
        for form in _FORMS:
            if f"v={form}" in rest:
                return form
    return ""


def media_type(form: str) -> str:
    return f"application/json;g=apidiscovery.k8s.io;v={form};as=APIGroupDiscoveryList"


def roots() -> Object:
    """/"""
    paths = ["/api", "/api/v1", "/apis", "/healthz", "/livez", "/openapi/v2", "/openapi/v3", "/readyz", "/version"]
    for name, listed in _versions().items():
        paths += [f"/apis/{name}", *(f"/apis/{name}/{version}" for version in listed)] if name else []
    return {"paths": sorted(paths)}


def versions(address: str) -> Object:
    """/api"""
    return {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
    }


def groups() -> Object:
    """/apis"""
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [group(name) for name in _versions() if name]}


def group(name: str) -> Object | None:
    """/apis/<group>, without kind; None for an unknown one."""
    listed = _versions().get(name) if name else None
    if not listed:
        return None
    entries = [{"groupVersion": f"{name}/{version}", "version": version} for version in listed]
    return {"name": name, "versions": entries, "preferredVersion": entries[0]}


def resources(name: str, version: str) -> Object | None:
    """/api/v1, /apis/<group>/<version>; None for an unknown one."""
    if version not in _versions().get(name, ()):
        return None
    listed = [
        {"name": plural, "singularName": kind.lower(), "namespaced": False, "kind": kind, "verbs": list(_CREATED)}
        for plural, kind in REVIEWS.get((name, version), {}).items()
    ]
    for kind in kinds_of(name, version):
        listed.append(_resource(kind))
        listed += [_subresource(kind, part) for part in sorted(kind.subresources)]
    group_version = f"{name}/{version}" if name else version
    api_version = {"apiVersion": "v1"} if name else {}  # a real one leaves it out for the core group
    return {"kind": "APIResourceList", **api_version, "groupVersion": group_version, "resources": listed}


def _versions() -> dict[str, list[str]]:
    """The versions of each group, the preferred one first; the core group is "" and first."""
    found: dict[str, list[str]] = {}
    for name, version in (*group_versions(), *REVIEWS):
        found.setdefault(name, []).append(version)
    return {name: found[name] for name in sorted(found, key=_place)}


def _place(name: str) -> tuple[int, str]:
    if not name:
        return -1, ""
    return (_ORDER.index(name) if name in _ORDER else len(_ORDER)), name


def _verbs(kind: Kind) -> list[str]:
    return [verb for verb in VERBS if (kind.kind, verb) != ("Namespace", "deletecollection")]


def _names(kind: Kind) -> Object:
    listed = {"shortNames": list(kind.short_names), "categories": list(kind.categories)}
    return {name: values for name, values in listed.items() if values}


def _resource(kind: Kind) -> Object:
    return {
        "name": kind.plural,
        "singularName": kind.singular,
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": _verbs(kind),
        **_names(kind),
    }


def _subresource(kind: Kind, part: str) -> Object:
    verbs, (group_name, version, name) = _part(kind, part)
    resource: Object = {"name": f"{kind.plural}/{part}", "singularName": "", "namespaced": kind.namespaced}
    if group_name:
        resource |= {"group": group_name, "version": version}
    return {**resource, "kind": name, "verbs": verbs}


def _part(kind: Kind, part: str) -> tuple[list[str], tuple[str, str, str]]:
    """The verbs of a subresource, and its group, version and kind; these first two are empty where they are the
    resource's own."""
    verbs, other = _SUBRESOURCES.get(part, (("get", "patch", "update"), ""))
    group_name, version, name = (["", "", *(other or kind.kind).split("/")])[-3:]
    return list(verbs), (group_name, version, name)


def aggregated(form: str, *, core: bool) -> Object:
    """/api or /apis as one document (KEP-3352)."""
    items = [
        {"metadata": {"name": name} if name else {}, "versions": [_discovered_version(name, each) for each in listed]}
        for name, listed in _versions().items()
        if (not name) is core
    ]
    api_version = f"apidiscovery.k8s.io/{form}"
    return {"kind": "APIGroupDiscoveryList", "apiVersion": api_version, "metadata": {}, "items": items}


def _discovered_version(name: str, version: str) -> Object:
    listed = [
        {
            "resource": plural,
            "responseKind": _response_kind("", "", kind),
            "scope": "Cluster",
            "singularResource": kind.lower(),
            "verbs": list(_CREATED),
        }
        for plural, kind in REVIEWS.get((name, version), {}).items()
    ]
    listed += [_discovered(kind) for kind in kinds_of(name, version)]
    return {"version": version, "resources": listed, "freshness": "Current"}


def _discovered(kind: Kind) -> Object:
    resource: Object = {
        "resource": kind.plural,
        "responseKind": _response_kind("", "", kind.kind),
        "scope": "Namespaced" if kind.namespaced else "Cluster",
        "singularResource": kind.singular,
        "verbs": _verbs(kind),
        **_names(kind),
    }
    if kind.subresources:
        resource["subresources"] = [_discovered_part(kind, part) for part in sorted(kind.subresources)]
    return resource


def _discovered_part(kind: Kind, part: str) -> Object:
    verbs, other = _part(kind, part)
    return {"subresource": part, "responseKind": _response_kind(*other), "verbs": verbs}


def _response_kind(group_name: str, version: str, kind: str) -> Object:
    """As the recordings have it: group and version are empty where they are those of the resource."""
    return {"group": group_name, "version": version, "kind": kind}
