"""One object of each kind that says a lot, by kind; all can be created in a namespace of their own."""

from typing import Any

IMAGE = "local/web@sha256:" + "0" * 64

Object = dict[str, Any]


def _container(name: str = "main", **more: Any) -> Object:
    return {"name": name, "image": IMAGE, **more}


_HTTP = {"httpGet": {"path": "/health", "port": "http", "httpHeaders": [{"name": "X-A", "value": "1"}]}}
_POD_SPEC: Object = {
    "initContainers": [_container("prepare", command=["true"], resources={"limits": {"cpu": "100m"}})],
    "containers": [
        _container(
            command=["sleep", "60"],
            args=["x"],
            workingDir="/app",
            ports=[{"name": "http", "containerPort": 8080}, {"containerPort": 9090, "protocol": "UDP"}],
            env=[
                {"name": "A", "value": "1"},
                {"name": "B", "valueFrom": {"secretKeyRef": {"name": "rich", "key": "a", "optional": True}}},
                {"name": "C", "valueFrom": {"configMapKeyRef": {"name": "rich", "key": "a", "optional": True}}},
                {"name": "D", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                {"name": "E", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory"}}},
            ],
            envFrom=[{"prefix": "P_", "configMapRef": {"name": "rich", "optional": True}}],
            resources={"requests": {"cpu": "0.25", "memory": "64Mi"}, "limits": {"cpu": 1, "memory": "1024Mi"}},
            livenessProbe={"exec": {"command": ["true"]}, "initialDelaySeconds": 3},
            readinessProbe=_HTTP,
            startupProbe={"tcpSocket": {"port": 8080}, "failureThreshold": 30},
            lifecycle={"preStop": {"sleep": {"seconds": 1}}},
            securityContext={"runAsNonRoot": True, "capabilities": {"drop": ["ALL"]}},
            volumeMounts=[{"name": "scratch", "mountPath": "/tmp", "subPath": "a"}],
        )
    ],
    "volumes": [
        {"name": "scratch", "emptyDir": {"sizeLimit": "1Gi"}},
        {"name": "settings", "configMap": {"name": "rich", "items": [{"key": "a", "path": "a"}], "optional": True}},
        {"name": "keys", "secret": {"secretName": "rich", "defaultMode": 256, "optional": True}},
        {"name": "all", "projected": {"sources": [{"downwardAPI": {"items": [_name := {"path": "name"}]}}]}},
    ],
    "terminationGracePeriodSeconds": 1,
    "nodeSelector": {"example.com/none": "such"},
    "tolerations": [{"key": "a", "operator": "Exists", "effect": "NoSchedule"}],
    "imagePullSecrets": [{"name": "registry"}],
    "hostAliases": [{"ip": "127.0.0.1", "hostnames": ["a.example"]}],
    "topologySpreadConstraints": [
        {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": {}}
    ],
}
_name["fieldRef"] = {"fieldPath": "metadata.name"}  # type: ignore[assignment]

_LABELS = {"app": "rich"}
_TEMPLATE: Object = {"metadata": {"labels": _LABELS, "annotations": {"note": "x"}}, "spec": _POD_SPEC}
_TASK: Object = {
    "metadata": {"labels": _LABELS},
    "spec": {**_POD_SPEC, "restartPolicy": "Never"},
}
_METRIC = {
    "type": "Resource",
    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}},
}

RICH: dict[str, Object] = {
    "ConfigMap": {"data": {"a": "1", "b.txt": "two\n"}, "binaryData": {"c": "AAEC"}, "immutable": False},
    "CronJob": {
        "spec": {
            "schedule": "*/5 * * * *",
            "timeZone": "Etc/UTC",
            "startingDeadlineSeconds": 60,
            "concurrencyPolicy": "Forbid",
            "suspend": True,
            "jobTemplate": {"metadata": {"labels": _LABELS}, "spec": {"backoffLimit": 2, "template": _TASK}},
        }
    },
    "Deployment": {
        "spec": {
            "replicas": 1,
            "minReadySeconds": 1,
            "selector": {"matchLabels": _LABELS, "matchExpressions": [{"key": "app", "operator": "Exists"}]},
            "strategy": {"rollingUpdate": {"maxSurge": "50%", "maxUnavailable": 0}},
            "template": _TEMPLATE,
        }
    },
    "EndpointSlice": {
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": True}, "nodeName": "n"}],
        "ports": [{"name": "http", "port": 80}],
    },
    "Event": {
        "involvedObject": {"kind": "Pod", "namespace": "", "name": "rich"},
        "reason": "Told",
        "message": "by hand",
        "type": "Normal",
        "source": {"component": "tests"},
        "firstTimestamp": "2026-11-21T00:00:00Z",
        "lastTimestamp": "2026-11-21T00:00:00Z",
        "count": 1,
    },
    "HorizontalPodAutoscaler": {
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "none"},
            "maxReplicas": 3,
            "metrics": [_METRIC],
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": 10}},
        }
    },
    "Ingress": {
        "spec": {
            "ingressClassName": "door",
            "rules": [
                {
                    "host": "a.example",
                    "http": {
                        "paths": [
                            {
                                "path": "/",
                                "pathType": "Prefix",
                                "backend": {"service": {"name": "rich", "port": {"number": 80}}},
                            }
                        ]
                    },
                }
            ],
            "tls": [{"hosts": ["a.example"], "secretName": "rich"}],
        }
    },
    "Job": {
        "spec": {"backoffLimit": 1, "activeDeadlineSeconds": 600, "suspend": True, "template": _TASK},
    },
    "Namespace": {},
    "Node": {
        "spec": {"unschedulable": True, "taints": [{"key": "a", "effect": "NoSchedule"}]},
        "status": {"capacity": {"cpu": "1"}},
    },
    "PersistentVolumeClaim": {
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    },
    "Pod": {"spec": _POD_SPEC},
    "PodDisruptionBudget": {"spec": {"minAvailable": "50%", "selector": {"matchLabels": _LABELS}}},
    "ReplicaSet": {
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "other"}}, "template": _TEMPLATE},
    },
    "ResourceQuota": {"spec": {"hard": {"pods": "100", "limits.memory": "1Ti", "count/jobs.batch": 50}}},
    "Secret": {"stringData": {"a": "1"}, "data": {"b": "Mg=="}},
    "Service": {
        "spec": {
            "type": "NodePort",
            "selector": _LABELS,
            "ports": [{"name": "http", "port": 80, "targetPort": "http"}, {"name": "b", "port": 81}],
        }
    },
    "ServiceAccount": {"automountServiceAccountToken": False, "imagePullSecrets": [{"name": "registry"}]},
}
RICH["ReplicaSet"]["spec"]["template"] = {**_TEMPLATE, "metadata": {"labels": {"app": "other"}}}


def rich(kind: str, name: str, namespace: str) -> Object:
    """A rich object, without its kind and version."""
    content = {**RICH.get(kind, {}), "metadata": {"name": name, "labels": {"rich": "yes"}}}
    if kind == "Event":
        content["involvedObject"] = {**content["involvedObject"], "namespace": namespace}
    return content
