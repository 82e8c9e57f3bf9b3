"""Server-side apply (Kubernetes documentation, "Server-Side Apply"; the rules are those of structured-merge-diff)."""

from dataclasses import replace
from typing import Any

from localcluster import clock
from localcluster.store import decode, fieldsets, ownership
from localcluster.store.fieldsets import Fields, Path
from localcluster.store.ownership import APPLY, Claim, Object
from localcluster.store.resources import KINDS
from localcluster.store.schema import ListOf, Type, of_kind


def apply(
    kind: str, live: Object | None, config: Object, *, manager: str, force: bool = False, subresource: str = ""
) -> Object:
    """The object as it is after `manager` has applied `config`, with its managedFields, before defaults.

    `config` has been decoded; `live` is None when there is no such object yet. What the manager applied before and
    leaves out now is removed, unless another manager owns it too. Raises StatusError (409) for fields of other managers
    whose values would change, unless `force`. Changes neither argument.
    """
    type_ = of_kind(kind)
    applied = ownership.own(kind, fieldsets.of_object(type_, config), subresource)
    before = live or {"metadata": {}}
    claims = ownership.claims_of(live)
    identity = (manager, APPLY, KINDS[kind].api_version, subresource)
    mine = next((claim for claim in claims if claim.identity == identity), None)
    others = [claim for claim in claims if claim.identity != identity]

    merged = merge(type_, before, _relevant(kind, config, subresource))
    if mine:
        owned = fieldsets.closure(applied.union(*(claim.fields for claim in others)))
        merged = prune(type_, merged, mine.fields, owned)
    others = _settle(kind, before, merged, others, force)

    fresh = Claim(*identity, applied, clock.now())
    merged = {**merged, "metadata": {**merged["metadata"]}}
    ownership.write_claims(merged, [*others, mine if mine and mine.fields == applied else fresh])
    return merged


def _relevant(kind: str, config: Object, subresource: str) -> Object:
    """The part of the body that this address writes."""
    if subresource == "status":
        return {"status": config.get("status", {})}
    kept = {key: value for key, value in config.items() if key != "status" or "status" not in KINDS[kind].subresources}
    kept["metadata"] = {
        key: value
        for key, value in config.get("metadata", {}).items()
        if ("f:metadata", f"f:{key}") not in ownership.NEVER_OWNED or key in ("name", "namespace")
    }
    return kept


def _settle(kind: str, before: Object, merged: Object, others: list[Claim], force: bool) -> list[Claim]:
    """The other managers' claims, less what was taken from them. Raises the conflict unless `force`."""
    difference = fieldsets.compare(of_kind(kind), before, merged)
    typed, _ = decode.decode(kind, merged)
    # A zero in the place of a value is a change; in the place of nothing it is none, for it is not kept.
    changed = difference.modified | fieldsets.compare(of_kind(kind), before, typed).added
    conflicts = [(claim, path) for claim in others for path in claim.fields & changed]
    if conflicts and not force:
        raise ownership.conflict(conflicts)
    lost = changed | difference.removed
    return [replace(claim, fields=claim.fields - lost) for claim in others]


def merge(type_: Type, live: Any, applied: Any) -> Any:
    """`applied` laid over `live`: maps and told-apart items one by one, everything else as a whole."""
    live_parts, applied_parts = fieldsets.children(type_, live), fieldsets.children(type_, applied)
    if live_parts is None or applied_parts is None:
        return applied
    merged = {
        element: merge(part_type, live_parts[element][1], part) if element in live_parts else part
        for element, (part_type, part) in applied_parts.items()
    }
    if isinstance(type_, ListOf):
        return [merged.get(e, live_parts[e][1] if e in live_parts else None) for e in _order(live_parts, applied_parts)]
    return {**live, **{element.removeprefix("f:"): value for element, value in merged.items()}}


def _order(live: dict[str, Any], applied: dict[str, Any]) -> list[str]:
    """The applied order, with the items that only the live list has where they stood before their neighbours."""
    order: list[str] = []
    waiting = iter(applied)
    placed: set[str] = set()
    for element in live:
        if element not in applied:
            order.append(element)
            continue
        while element not in placed:
            order.append(next(waiting))
            placed.add(order[-1])
    return [*order, *waiting]


def prune(type_: Type, value: Any, last: Fields, owned: set[Path]) -> Any:
    """`value` without what stood in the last apply and nobody owns now, nor anything below it (`owned` has all
    prefixes)."""
    doomed = {path for path in fieldsets.closure(last) if path not in owned and len(path) > 1}
    doomed |= {path for path in last if path not in owned}
    return _without(type_, value, doomed, ()) if doomed else value


def _without(type_: Type, value: Any, doomed: set[Path], path: Path) -> Any:
    parts = fieldsets.children(type_, value)
    if parts is None:
        return value
    kept = {
        element: _without(part_type, part, doomed, (*path, element))
        for element, (part_type, part) in parts.items()
        if (*path, element) not in doomed
    }
    if isinstance(type_, ListOf):
        return list(kept.values())
    return {element.removeprefix("f:"): part for element, part in kept.items()}
