"""Events about objects, counted up as client-go's recorder does (client-go, tools/record)."""

import logging
import secrets
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from localcluster import clock
from localcluster.errors import StatusError
from localcluster.store.correlation import COMBINED
from localcluster.store.store import Object, Store, copied

log = logging.getLogger(__name__)

LIFETIME = timedelta(hours=1)
NODE = "localcluster"


def record(
    store: Store,
    involved: Object,
    type_: str,
    reason: str,
    message: str,
    component: str,
    *,
    field_path: str = "",
) -> None:
    """Makes an Event, or raises the count of the same one. type_ is `Normal` or `Warning`.

    involved is the whole object; field_path names a part of it (`spec.containers{main}`). Many similar ones are
    combined, and too many dropped; so is one that cannot be stored (its namespace is being deleted).
    """
    reference = _reference(involved, field_path)
    kind_of_event = (component, reference["uid"], type_, reason)
    words = store.correlator.words(kind_of_event, message)
    try:
        same = _same(store, reference, type_, reason, words, component)
        if not store.correlator.admits((component, reference["uid"])):
            return
        if same:
            store.update("Event", _counted_up(same, words))
        else:
            namespace = reference.get("namespace", "default")
            store.create("Event", _event(reference, namespace, type_, reason, words, component))
    except StatusError as refusal:
        log.debug("event %s not stored: %s", reason, refusal)


def record_scheduled(store: Store, pod: Object, type_: str, reason: str, message: str, action: str) -> None:
    """An Event of the scheduler: it comes by events.k8s.io, so it has an eventTime and neither count nor timestamps."""
    reference = _reference(pod, "")
    event = _event(reference, reference["namespace"], type_, reason, message, "default-scheduler")
    for key in ("count", "firstTimestamp", "lastTimestamp"):
        event.pop(key)
    event |= {
        "source": {},
        "firstTimestamp": None,
        "lastTimestamp": None,
        "eventTime": clock.now_micro(),
        "action": action,
        "reportingInstance": f"default-scheduler-{NODE}",
    }
    try:
        store.create("Event", event)
    except StatusError as refusal:
        log.debug("event %s not stored: %s", reason, refusal)


def expire(store: Store) -> None:
    """Removes the Events that are older than their lifetime of an hour."""
    oldest = clock.stamp(datetime.now(UTC) - LIFETIME)
    for event in store.list("Event"):
        meta = event["metadata"]
        if (event.get("lastTimestamp") or meta["creationTimestamp"]) < oldest:
            store.delete("Event", meta["namespace"], meta["name"])


def _reference(involved: Object, field_path: str) -> dict[str, Any]:
    meta = involved["metadata"]
    reference = {
        "kind": involved["kind"],
        "namespace": meta.get("namespace"),
        "name": meta["name"],
        "uid": meta["uid"],
        "apiVersion": involved["apiVersion"],
        "resourceVersion": meta.get("resourceVersion"),
        "fieldPath": field_path,
    }
    return {key: value for key, value in reference.items() if value}


def _event(
    reference: dict[str, Any], namespace: str, type_: str, reason: str, message: str, component: str
) -> dict[str, Any]:
    moment = clock.now()
    of_kubelet = component == "kubelet"
    return {
        "metadata": {
            "name": f"{reference['name']}.{time.time_ns() + secrets.randbelow(1000):016x}",
            "namespace": namespace,
        },
        "involvedObject": reference,
        "reason": reason,
        "message": message,
        "source": {"component": component, "host": NODE} if of_kubelet else {"component": component},
        "firstTimestamp": moment,
        "lastTimestamp": moment,
        "count": 1,
        "type": type_,
        "eventTime": None,
        "reportingComponent": component,
        "reportingInstance": NODE if of_kubelet else "",
    }


def _same(
    store: Store, reference: dict[str, Any], type_: str, reason: str, message: str, component: str
) -> Object | None:
    """The Event that says the same of the same object, whatever the object's resourceVersion was then."""
    combined = message.startswith(COMBINED)
    for event in store.owned("Event", reference["uid"]):
        if (event["reason"], event["type"]) != (reason, type_) or event["source"].get("component") != component:
            continue
        if combined and event["message"].startswith(COMBINED):
            return event
        if event["message"] == message and event["involvedObject"].get("fieldPath") == reference.get("fieldPath"):
            return event
    return None


def _counted_up(event: Object, message: str) -> Object:
    again = copied(event)
    again["count"] = event.get("count", 1) + 1
    again["message"] = message
    again["lastTimestamp"] = clock.now()
    return again
