"""Clusters: make one known, change how it is reached, test it, remove it."""

import os
import re
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction

from releases import audit, logs, policy
from releases.errors import Invalid, NotAllowed, Taken
from releases.models import Cluster
from releases.models.cluster import EMBEDDED, IN_CLUSTER, KINDS, KUBECONFIG, NAME_MAX, NAME_PATTERN
from releases.models.locks import locked
from releases.pipeline import cluster_state, reach
from releases.pipeline.cluster_state import Finding, Seen
from releases.policy import Actor

RESERVED = {"new"}
OBJECT_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?\Z")
OBJECT_NAME_MAX = 253
PARTS = ("ingress_class", "certificate_issuer", "storage_class")
APPS_NAMED = 10


def create_cluster(
    name: str,
    *,
    by: Actor,
    kind: str = KUBECONFIG,
    kubeconfig: str = "",
    context: str = "",
    is_default: bool = False,
    **parts: str,
) -> Cluster:
    """`parts`: ingress_class, certificate_issuer, storage_class. The first cluster is where new apps live.

    Whether it answers is no condition: that is looked at from now on. Raises Invalid, Taken, NotAllowed; nothing of a
    kubeconfig that is refused is stored.
    """
    policy.require("manage_clusters", by=by)
    if len(name) > NAME_MAX or not re.match(NAME_PATTERN, name):
        raise Invalid(
            f"“{name[:60]}” can't be a cluster's name: small letters, digits and hyphens, neither first nor last a "
            f"hyphen, at most {NAME_MAX} characters."
        )
    if name in RESERVED:
        raise Invalid(f"“{name}” can't be a cluster's name: Deployer's own pages use it.")
    if kind not in dict(KINDS):
        raise Invalid(f"A cluster is reached by {', '.join(dict(KINDS))}: not by “{kind[:60]}”.")
    if kind != KUBECONFIG and kubeconfig:
        raise Invalid(f"A cluster of the kind {kind} takes no kubeconfig.")
    columns = _parts(parts) | ({"kubeconfig": reach.checked(kubeconfig, context)} if kind == KUBECONFIG else {})
    try:
        with transaction.atomic():
            first = not any(row.is_default for row in _all_locked())
            if is_default:
                Cluster.objects.update(is_default=False)
            row = Cluster.objects.create(
                name=name, kind=kind, is_default=is_default or first, **columns, **by.columns()
            )
            audit.record("create_cluster", by=by, subject=name, kind=kind)
            logs.cluster_changed(row)
    except IntegrityError as error:
        if Cluster.objects.filter(name=name).exists():
            raise Taken(f"There is a cluster {name} already.") from error
        raise Taken("Another cluster became the default in this moment: try again.") from error
    return row


def change_cluster(
    row: Cluster,
    *,
    by: Actor,
    kubeconfig: str | None = None,
    context: str = "",
    is_default: bool | None = None,
    **parts: str,
) -> Cluster:
    """What is None or left out stays. Raises Invalid, NotAllowed."""
    policy.require("manage_clusters", by=by)
    changes: dict[str, Any] = _parts(parts)
    if kubeconfig is not None:
        if row.kind != KUBECONFIG:
            raise Invalid(f"{row.name} is reached by what this server is given, not by a kubeconfig of its own.")
        # What was seen of the old access says nothing of the new one.
        unseen = {"checked_at": None, "problem": "", "hint": "", "problem_since": None}
        changes |= {"kubeconfig": reach.checked(kubeconfig, context), **unseen}
    elif context:
        raise Invalid("A context is chosen of a kubeconfig: give that, too.")
    if is_default is False and row.is_default:
        raise Invalid("New apps have to live somewhere: make another cluster the default instead.")
    with transaction.atomic():
        if is_default:
            _all_locked()
            Cluster.objects.exclude(pk=row.pk).update(is_default=False)
        row = _locked(row)
        if is_default:
            changes["is_default"] = True
        for column, value in changes.items():
            setattr(row, column, value)
        if changes:
            row.save(update_fields=list(changes))
        named = [column for column in (*PARTS, "kubeconfig", "is_default") if column in changes]
        audit.record("change_cluster", by=by, subject=row.name, changed=named)
        logs.cluster_changed(row)
    return row


def test_cluster(row: Cluster, *, by: Actor) -> tuple[Seen, list[Finding]]:
    """Asks it now, and for each right that we need. A cluster that does not answer is a finding, not an error."""
    policy.require("manage_clusters", by=by)
    seen, findings = cluster_state.test(row)
    cluster_state.note(row, seen)
    audit.record("test_cluster", by=by, subject=row.name, problem=bool(seen.problem))
    return seen, findings


def remove_cluster(row: Cluster, *, by: Actor) -> None:
    """Deployer forgets it; nothing in it is touched. Raises NotAllowed while apps live in it."""
    policy.require("manage_clusters", by=by)
    with transaction.atomic():
        row = _locked(row)
        apps = list(row.apps.order_by("name").values_list("name", flat=True)[: APPS_NAMED + 1])
        if apps:
            more = " and more" if len(apps) > APPS_NAMED else ""
            words = f"Apps live in {row.name}: {', '.join(apps[:APPS_NAMED])}{more}. Delete them first."
            raise NotAllowed(words, reasons=[words])
        key = row.pk
        audit.record("remove_cluster", by=by, subject=row.name)
        logs.cluster_changed(row)
        row.delete()
    reach.forget(key)


def chosen_cluster(name: str) -> Cluster:
    """Where a new app lives: the one of that name, else the only one, else the default. Locked: it can't be removed
    meanwhile. Raises Invalid."""
    rows = _all_locked()
    known = {row.name: row for row in rows}
    if name:
        if name not in known:
            raise Invalid(f"There is no cluster “{name[:60]}”. {_choices(known)}")
        return known[name]
    if len(rows) == 1:
        return rows[0]
    default = next((row for row in rows if row.is_default), None)
    if default is None:
        raise Invalid(_choices(known) if known else "There is no cluster yet: an administrator adds one first.")
    return default


def first_cluster() -> Cluster | None:
    """The one that this server is given, made known if there is none at all. None when it is given none."""
    if Cluster.objects.exists():
        return None
    if settings.DEPLOYER_APP_URL:
        return create_cluster("local", by=policy.SYSTEM, kind=EMBEDDED)
    if settings.KUBERNETES_SERVICE_HOST:
        return create_cluster("in-cluster", by=policy.SYSTEM, kind=IN_CLUSTER)
    if os.path.isfile(settings.DEPLOYER_KUBECONFIG):
        return create_cluster("default", by=policy.SYSTEM, kind=EMBEDDED)
    return None


def _choices(known: dict[str, Cluster]) -> str:
    return f"Name one of the clusters: {', '.join(sorted(known))}." if known else "There is none."


def _all_locked() -> list[Cluster]:
    return list(locked(Cluster.objects.order_by("pk")))


def _locked(row: Cluster) -> Cluster:
    found = locked(Cluster.objects.filter(pk=row.pk)).first()
    if found is None:
        raise Invalid(f"The cluster {row.name} was removed meanwhile.")
    return found


def _parts(parts: dict[str, str]) -> dict[str, Any]:
    unknown = parts.keys() - set(PARTS)
    if unknown:
        raise TypeError(f"a cluster has no {', '.join(unknown)}")
    for part, value in parts.items():
        if value and (len(value) > OBJECT_NAME_MAX or not OBJECT_NAME.match(value)):
            words = part.replace("_", " ")
            raise Invalid(f"{part}: “{value[:60]}” can't be the name of a cluster's {words}.")
    return dict(parts)
