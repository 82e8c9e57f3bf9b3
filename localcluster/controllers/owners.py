"""Who owns whom (metadata.ownerReferences)."""

from typing import Any

from localcluster.store.store import Store

Object = dict[str, Any]


def reference(owner: Object) -> Object:
    """The reference of a controller to put on what it creates."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def controller_of(obj: Object) -> Object | None:
    """The reference to the one owner that manages an object."""
    for found in obj["metadata"].get("ownerReferences") or []:
        if found.get("controller"):
            return found
    return None


def pods_of(store: Store, owner: Object) -> list[Object]:
    """The pods that an object manages."""
    return [pod for pod in store.owned("Pod", owner["metadata"]["uid"]) if is_controlled_by(pod, owner)]


def is_controlled_by(obj: Object, owner: Object) -> bool:
    found = controller_of(obj)
    return found is not None and found["uid"] == owner["metadata"]["uid"]


def let_go(obj: Object, finalizer: str) -> None:
    """Removes a finalizer, in place, and the list with the last one."""
    obj["metadata"]["finalizers"].remove(finalizer)
    if not obj["metadata"]["finalizers"]:
        del obj["metadata"]["finalizers"]
