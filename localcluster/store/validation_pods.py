"""What makes the specification of a pod invalid."""

import re
from decimal import Decimal
from typing import Any

from localcluster import quantity
from localcluster.store.faults import Faults

Object = dict[str, Any]

_PULL_POLICIES = ("Always", "IfNotPresent", "Never")
_CHANGEABLE = ("activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds")
_VALUE_SOURCES = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef")
_ENV_FIELDS = (
    "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName",
    "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs",
)  # fmt: skip
_SUBSCRIPT = re.compile(r"metadata\.(labels|annotations)\['.+'\]")
_RESOURCES = tuple(
    f"{part}.{name}" for part in ("limits", "requests") for name in ("cpu", "ephemeral-storage", "memory")
)
_UPDATE_RULE = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def check_pod_spec(spec: Object, field: str, faults: Faults) -> None:
    """Checks the specification of a pod or of a template, at a path in the object."""
    volumes = _volumes(spec.get("volumes", []), f"{field}.volumes", faults)
    if not spec.get("containers"):
        faults.required(f"{field}.containers")
    names: set[str] = set()
    for part in ("containers", "initContainers"):
        for index, container in enumerate(spec.get(part) or []):
            _container(container, f"{field}.{part}[{index}]", names, volumes, faults)
    if spec["restartPolicy"] not in ("Always", "OnFailure", "Never"):
        faults.unsupported(f"{field}.restartPolicy", spec["restartPolicy"], ("Always", "OnFailure", "Never"))
    faults.at_least_zero(f"{field}.terminationGracePeriodSeconds", spec.get("terminationGracePeriodSeconds"))
    if spec.get("activeDeadlineSeconds", 1) < 1:
        rule = "must be between 1 and 2147483647, inclusive"
        faults.invalid(f"{field}.activeDeadlineSeconds", spec["activeDeadlineSeconds"], rule)


def check_pod_update(new: Object, old: Object, faults: Faults) -> None:
    """Whether only what may change in a running pod has changed."""
    if _fixed(new) != _fixed(old):
        faults.forbidden("spec", _UPDATE_RULE)


def _fixed(spec: Object) -> Object:
    kept = {key: value for key, value in spec.items() if key not in _CHANGEABLE}
    for part in ("containers", "initContainers"):
        kept[part] = [{**container, "image": ""} for container in spec.get(part) or []]
    return kept


def _volumes(volumes: list[Object], field: str, faults: Faults) -> set[str]:
    names: set[str] = set()
    for index, volume in enumerate(volumes):
        name = volume.get("name", "")
        if not name:
            faults.required(f"{field}[{index}].name")
        elif name in names:
            faults.duplicate(f"{field}[{index}].name", name)
        else:
            faults.name(f"{field}[{index}].name", name, "label")
        names.add(name)
    return names


def _container(container: Object, field: str, names: set[str], volumes: set[str], faults: Faults) -> None:
    name = container.get("name", "")
    if not name:
        faults.required(f"{field}.name")
    elif name in names:
        faults.duplicate(f"{field}.name", name)
    else:
        faults.name(f"{field}.name", name, "label")
    names.add(name)
    if not container.get("image"):
        faults.required(f"{field}.image")
    if container["imagePullPolicy"] not in ("Always", "IfNotPresent", "Never"):
        faults.unsupported(
            f"{field}.imagePullPolicy", container["imagePullPolicy"], ("Always", "IfNotPresent", "Never")
        )
    for index, port in enumerate(container.get("ports", [])):
        faults.port(f"{field}.ports[{index}].containerPort", port.get("containerPort", 0))
    for index, variable in enumerate(container.get("env", [])):
        _variable(variable, f"{field}.env[{index}]", faults)
    for index, mount in enumerate(container.get("volumeMounts", [])):
        if mount.get("name", "") not in volumes:
            faults.not_found(f"{field}.volumeMounts[{index}].name", mount.get("name", ""))
        if not mount.get("mountPath"):
            faults.required(f"{field}.volumeMounts[{index}].mountPath")
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        if probe in container:
            _probe(container[probe], f"{field}.{probe}", faults, ready=probe == "readinessProbe")
    _resources(container["resources"], f"{field}.resources", faults)


def _variable(variable: Object, field: str, faults: Faults) -> None:
    name = variable.get("name", "")
    if not name:
        faults.required(f"{field}.name")
    elif not all(" " <= character <= "~" and character != "=" for character in name):
        rule = "a valid environment variable name must consist only of printable ASCII characters other than '='"
        faults.invalid(f"{field}.name", name, rule)
    if variable.get("valueFrom") is not None:
        _source(variable["valueFrom"], bool(variable.get("value")), f"{field}.valueFrom", faults)


def _source(source: Object, has_value: bool, field: str, faults: Faults) -> None:
    """Where a variable's value comes from: exactly one place, which can be had."""
    kinds = [name for name in _VALUE_SOURCES if source.get(name) is not None]
    if not kinds:
        words = ", ".join(f"`{name}`" for name in _VALUE_SOURCES[:-1])
        faults.invalid(field, "", f"must specify one of: {words} or `{_VALUE_SOURCES[-1]}`")
    elif has_value:
        faults.invalid(field, "", "may not be specified when `value` is not empty")
    elif len(kinds) > 1:
        faults.invalid(field, "", "may not have more than one field specified at a time")
    for name in ("configMapKeyRef", "secretKeyRef"):
        if name in kinds and not source[name].get("key"):
            faults.required(f"{field}.{name}.key")
    if "fieldRef" in kinds:
        path = source["fieldRef"].get("fieldPath", "")
        if not path:
            faults.required(f"{field}.fieldRef.fieldPath")
        elif path not in _ENV_FIELDS and not _SUBSCRIPT.fullmatch(path):
            faults.unsupported(f"{field}.fieldRef.fieldPath", path, _ENV_FIELDS)
    if "resourceFieldRef" in kinds:
        resource = source["resourceFieldRef"].get("resource", "")
        if not resource:
            faults.required(f"{field}.resourceFieldRef.resource")
        elif resource not in _RESOURCES and not resource.partition(".")[2].startswith("hugepages-"):
            faults.unsupported(f"{field}.resourceFieldRef.resource", resource, _RESOURCES)


def _probe(probe: Object, field: str, faults: Faults, *, ready: bool) -> None:
    handlers = [name for name in ("exec", "httpGet", "tcpSocket", "grpc") if name in probe]
    if not handlers:
        faults.required(field, "must specify a handler type")
    for name in handlers[1:]:
        faults.forbidden(f"{field}.{name}", "may not specify more than 1 handler type")
    for number in ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"):
        faults.at_least_zero(f"{field}.{number}", probe.get(number))
    for handler in ("httpGet", "tcpSocket"):
        if handler in probe:
            faults.port(f"{field}.{handler}.port", probe[handler].get("port", 0))
    if not ready and probe["successThreshold"] != 1:
        faults.invalid(f"{field}.successThreshold", probe["successThreshold"], "must be 1")


def _resources(resources: Object, field: str, faults: Faults) -> None:
    limits, requests = resources.get("limits", {}), resources.get("requests", {})
    for part, amounts in (("limits", limits), ("requests", requests)):
        for name, amount in amounts.items():
            if _number(amount) < 0:
                faults.invalid(f"{field}.{part}[{name}]", amount, "must be greater than or equal to 0")
    for name, amount in requests.items():
        if name in limits and _number(amount) > _number(limits[name]):
            rule = f"must be less than or equal to {name} limit of {limits[name]}"
            faults.invalid(f"{field}.requests", amount, rule)


def _number(amount: str) -> Decimal:
    return quantity.parse(amount)
