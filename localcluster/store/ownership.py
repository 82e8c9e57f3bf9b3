"""Who owns which field of an object: `metadata.managedFields` (Kubernetes documentation, "Server-Side Apply")."""

from dataclasses import dataclass, replace
from typing import Any

from localcluster import clock
from localcluster.errors import BadRequest, Cause, StatusError
from localcluster.store import fieldsets
from localcluster.store.fieldsets import NOTHING, Fields, Path
from localcluster.store.resources import KINDS
from localcluster.store.schema import of_kind

Object = dict[str, Any]

APPLY, UPDATE = "Apply", "Update"

NEVER_OWNED = {
    ("f:apiVersion",),
    ("f:kind",),
    ("f:metadata",),
    ("f:spec",),
    ("f:status",),
    *(
        ("f:metadata", f"f:{name}")
        for name in (
            "name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "selfLink",
            "deletionTimestamp", "deletionGracePeriodSeconds", "managedFields",
        )
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Claim:
    """The fields of one manager, by one way of writing. operation is `Apply` or `Update`; subresource may be empty."""

    manager: str
    operation: str
    api_version: str
    subresource: str
    fields: Fields
    time: str

    @property
    def identity(self) -> tuple[str, str, str, str]:
        return (self.manager, self.operation, self.api_version, self.subresource)

    @property
    def words(self) -> str:
        """How conflicts name it."""
        if self.operation == APPLY and not self.subresource:
            return f'"{self.manager}"'
        part = f' with subresource "{self.subresource}"' if self.subresource else ""
        using = f" using {self.api_version}" if self.operation == UPDATE else ""
        return f'"{self.manager}"{part}{using}'


def claims_of(obj: Object | None) -> list[Claim]:
    """The claims in an object. Raises BadRequest for managedFields that nobody can read."""
    entries = ((obj or {}).get("metadata") or {}).get("managedFields") or []
    try:
        return [
            Claim(
                entry.get("manager", ""),
                entry["operation"],
                entry["apiVersion"],
                entry.get("subresource", ""),
                fieldsets.decode(entry.get("fieldsV1") or {}),
                entry.get("time", ""),
            )
            for entry in entries
            if entry
        ]
    except (KeyError, AttributeError, TypeError) as error:
        raise BadRequest(f"metadata.managedFields cannot be read: {error}") from None


def write_claims(obj: Object, claims: list[Claim]) -> None:
    """Puts claims into an object, in the API server's order; empty ones are left out."""
    ordered = sorted(claims, key=lambda claim: (claim.operation, claim.time, claim.manager, claim.subresource))
    entries = [_entry(claim) for claim in ordered if claim.fields]
    if entries:
        obj["metadata"]["managedFields"] = entries
    else:
        obj["metadata"].pop("managedFields", None)


def _entry(claim: Claim) -> Object:
    entry: Object = {
        "manager": claim.manager,
        "operation": claim.operation,
        "apiVersion": claim.api_version,
        "time": claim.time,
        "fieldsType": "FieldsV1",
        "fieldsV1": fieldsets.encode(claim.fields),
    }
    if not claim.time:
        del entry["time"]
    if claim.subresource:
        entry["subresource"] = claim.subresource
    return entry


def own(kind: str, fields: Fields, subresource: str) -> Fields:
    """What of a write can be owned: not what identifies the object, and only the part that the subresource writes."""
    kept = fields - NEVER_OWNED
    if subresource == "status":
        return frozenset(path for path in kept if path[0] == "f:status")
    if "status" in KINDS[kind].subresources:
        return frozenset(path for path in kept if path[0] != "f:status")
    return kept


def after_update(kind: str, old: Object | None, new: Object, manager: str, subresource: str) -> list[Claim]:
    """The claims after a write that is not an apply: what it changed belongs to its manager alone.

    `new` is complete, with defaults. Its own managedFields count if they differ from those of `old`: a client may
    correct them.
    """
    submitted = new["metadata"].get("managedFields")
    claims = claims_of(new if submitted else old)
    before = old or _blank(kind)
    difference = fieldsets.compare(of_kind(kind), _without_claims(before), _without_claims(new))
    changed = own(kind, difference.added | difference.modified, subresource)
    removed = difference.removed
    if not changed and not removed:
        return claims
    mine = (manager, UPDATE, KINDS[kind].api_version, subresource)
    others = [_without(claim, changed | removed) for claim in claims if claim.identity != mine]
    previous = next((claim.fields for claim in claims if claim.identity == mine), NOTHING)
    # the API server gives the writes of a scale no time
    time = "" if subresource == "scale" else clock.now()
    return [*others, Claim(*mine, (previous - removed) | changed, time)]


def _without(claim: Claim, fields: Fields) -> Claim:
    return replace(claim, fields=claim.fields - fields) if claim.fields & fields else claim


def _without_claims(obj: Object) -> Object:
    return {**obj, "metadata": {k: v for k, v in obj["metadata"].items() if k != "managedFields"}}


def _blank(kind: str) -> Object:
    """What the API server compares a creation with: the fields that are there even when nothing is said."""
    template: Object = {"metadata": {}, "spec": {"containers": []}}
    specs: dict[str, Object] = {
        "Deployment": {"strategy": {}, "template": template},
        "ReplicaSet": {"template": template},
        "Job": {"template": template},
        "CronJob": {"jobTemplate": {"metadata": {}, "spec": {"template": template}}},
        "Pod": {"containers": []},
    }
    return {"metadata": {}, "spec": specs.get(kind, {}), "status": {}}


def conflict(found: list[tuple[Claim, Path]]) -> StatusError:
    """409: the fields that an apply would take from other managers."""
    found = sorted(found, key=lambda pair: pair[1])
    causes = [
        Cause("FieldManagerConflict", f"conflict with {claim.words}", fieldsets.shown(path)) for claim, path in found
    ]
    if len(found) == 1:
        listed = f"conflict with {found[0][0].words}: {causes[0].field}"
    else:
        fields_by_manager: dict[str, list[str]] = {}
        for claim, path in found:
            fields_by_manager.setdefault(claim.words, []).append(fieldsets.shown(path))
        listed = "\n".join(
            f"conflicts with {words}:\n" + "\n".join(f"- {field}" for field in fields)
            for words, fields in sorted(fields_by_manager.items())
        )
    plural = "" if len(found) == 1 else "s"
    message = f"Apply failed with {len(found)} conflict{plural}: {listed}"
    return StatusError(409, "Conflict", message, {"causes": [cause.body() for cause in causes]})
