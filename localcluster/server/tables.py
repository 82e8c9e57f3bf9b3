"""Lists as `kubectl get` prints them: the `meta.k8s.io/v1` Table (Kubernetes API concepts, "Receiving resources as
Tables")."""

from localcluster.server import cluster_cells, pod_cells, workload_cells
from localcluster.server.cells import Column, Object

_COLUMNS: dict[str, tuple[Column, ...]] = {
    "ConfigMap": cluster_cells.CONFIG_MAP,
    "CronJob": workload_cells.CRON_JOB,
    "Deployment": workload_cells.DEPLOYMENT,
    "EndpointSlice": cluster_cells.ENDPOINT_SLICE,
    "Event": workload_cells.EVENT,
    "HorizontalPodAutoscaler": workload_cells.AUTOSCALER,
    "Ingress": cluster_cells.INGRESS,
    "Job": workload_cells.JOB,
    "Namespace": cluster_cells.NAMESPACE,
    "Node": cluster_cells.NODE,
    "PersistentVolume": cluster_cells.VOLUME,
    "PersistentVolumeClaim": cluster_cells.VOLUME_CLAIM,
    "Pod": pod_cells.COLUMNS,
    "PodDisruptionBudget": workload_cells.DISRUPTION_BUDGET,
    "ReplicaSet": workload_cells.REPLICA_SET,
    "ResourceQuota": cluster_cells.QUOTA,
    "Secret": cluster_cells.SECRET,
    "Service": cluster_cells.SERVICE,
    "ServiceAccount": cluster_cells.SERVICE_ACCOUNT,
}


def table(kind: str, objects: list[Object], metadata: Object, include: str = "") -> Object:
    """A Table of objects. include is `None`, `Metadata` (default) or `Object`: what each row carries besides its
    cells."""
    columns = _COLUMNS.get(kind, cluster_cells.PLAIN)
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": [_definition(column) for column in columns],
        "rows": [_row(kind, columns, obj, include) for obj in objects],
    }


def partial(obj: Object) -> Object:
    """Only the metadata of an object."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}


def _definition(column: Column) -> Object:
    return {
        "name": column.name,
        "type": column.type,
        "format": "name" if column.name == "Name" else "",
        "description": column.name,
        "priority": int(column.is_wide),
    }


def _row(kind: str, columns: tuple[Column, ...], obj: Object, include: str) -> Object:
    row: Object = {"cells": [column.cell(obj) for column in columns]}
    if kind == "Pod" and (conditions := pod_cells.conditions(obj)):
        row["conditions"] = conditions
    if include != "None":
        row["object"] = obj if include == "Object" else partial(obj)
    return row
