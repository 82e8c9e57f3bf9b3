"""The objects that every cluster has from its start."""

import os
import platform

from localcluster import clock
from localcluster.server.discovery import VERSION
from localcluster.store.store import Object, Store

NODE = "localcluster"

CORES = "500"
MORE = 16
"""Requests are not measured against this machine's cores, and against so many times its memory."""

_NAMESPACES = ("default", "kube-system")


def bootstrap(store: Store) -> None:
    """Makes the first namespaces with their service accounts, and the node, where they are missing."""
    for name in _NAMESPACES:
        if store.find("Namespace", None, name) is None:
            store.create("Namespace", {"metadata": {"name": name}})
        if store.find("ServiceAccount", name, "default") is None:
            store.create("ServiceAccount", {"metadata": {"name": "default", "namespace": name}})
    node = _node()
    if store.find("Node", None, NODE) is None:
        store.create("Node", node)
    else:  # the machine may have grown since
        store.patch_status("Node", None, NODE, lambda known: known.update(status=node["status"]), manager="kubelet")


def _node() -> Object:
    """This machine, said to be larger than it is: a request reserves nothing here, a limit is held all the same."""
    memory = MORE * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1024
    resources = {"cpu": CORES, "memory": f"{memory}Ki", "pods": "1000"}
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
