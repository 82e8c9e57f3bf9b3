"""The objects that every cluster has from its start."""

import os
import platform

from localcluster import clock
from localcluster.server.discovery import VERSION
from localcluster.store.store import Object, Store

NODE = "localcluster"

_NAMESPACES = ("default", "kube-system")


def bootstrap(store: Store) -> None:
    """Makes the first namespaces with their service accounts, and the node, where they are missing."""
    for name in _NAMESPACES:
        if store.find("Namespace", None, name) is None:
            store.create("Namespace", {"metadata": {"name": name}})
        if store.find("ServiceAccount", name, "default") is None:
            store.create("ServiceAccount", {"metadata": {"name": "default", "namespace": name}})
    if store.find("Node", None, NODE) is None:
        store.create("Node", _node())


def _node() -> Object:
    """This machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1024
    resources = {"cpu": str(os.cpu_count() or 1), "memory": f"{memory}Ki", "pods": "110"}
    ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "kubelet is posting ready status"}
    info = {
        "architecture": platform.machine(),
        "bootID": "",
        "containerRuntimeVersion": "processes://1",
        "kernelVersion": platform.release(),
        "kubeProxyVersion": "",
        "kubeletVersion": VERSION["gitVersion"],
        "machineID": "",
        "operatingSystem": "linux",
        "osImage": platform.system(),
        "systemUUID": "",
    }
    return {
        "metadata": {"name": NODE, "labels": {"kubernetes.io/hostname": NODE, "kubernetes.io/os": "linux"}},
        "spec": {},
        "status": {
            "capacity": resources,
            "allocatable": resources,
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}, {"type": "Hostname", "address": NODE}],
            "conditions": [{**ready, "lastHeartbeatTime": clock.now(), "lastTransitionTime": clock.now()}],
            "nodeInfo": info,
        },
    }
