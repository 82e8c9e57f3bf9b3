"""The tables of networks, storage, configuration and the cluster itself."""

from localcluster.server.cells import NONE, UNSET, Cell, Column, Object, age, at, labels, name, some

_SHOWN = 3
_MODES = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}
_ROLE = "node-role.kubernetes.io/"


def _load_balancers(obj: Object) -> str:
    listed = obj.get("status", {}).get("loadBalancer", {}).get("ingress") or []
    return ",".join(entry.get("ip") or entry.get("hostname") or "" for entry in listed)


def _external(service: Object) -> str:
    spec = service["spec"]
    addresses = list(spec.get("externalIPs") or [])
    if spec.get("type") == "ExternalName":
        return str(spec.get("externalName") or NONE)
    if spec.get("type") == "LoadBalancer":
        found = _load_balancers(service)
        return ",".join(([found] if found else []) + addresses) or "<pending>"
    return ",".join(addresses) or NONE


def _ports(service: Object) -> str:
    listed = service["spec"].get("ports") or []
    return ",".join(_port(port) for port in listed) or NONE


def _port(port: Object) -> str:
    node = f":{port['nodePort']}" if port.get("nodePort") else ""
    return f"{port.get('port')}{node}/{port.get('protocol', 'TCP')}"


def _hosts(ingress: Object) -> str:
    rules = ingress["spec"].get("rules") or []
    shown = [rule["host"] for rule in rules[:_SHOWN] if rule.get("host")]
    more = len(rules) - _SHOWN
    return (",".join(shown) + (f" + {more} more..." if more > 0 else "")) if shown else "*"


def _slice_ports(endpoint_slice: Object) -> str:
    listed = [str(port["port"]) if port.get("port") else "*" for port in endpoint_slice.get("ports") or []]
    return some(listed, _SHOWN) or UNSET


def _endpoints(endpoint_slice: Object) -> str:
    addresses = [a for endpoint in endpoint_slice.get("endpoints") or [] for a in endpoint.get("addresses") or []]
    return some(addresses, _SHOWN) or UNSET


def _claim_state(obj: Object) -> str:
    return "Terminating" if "deletionTimestamp" in obj["metadata"] else str(obj.get("status", {}).get("phase", ""))


def _claim_capacity(claim: Object) -> str:
    held = claim["spec"].get("volumeName") and claim.get("status", {}).get("capacity")
    return str(held.get("storage", "")) if held else ""


def _claim_modes(claim: Object) -> str:
    return _modes(claim.get("status", {}).get("accessModes") if claim["spec"].get("volumeName") else None)


def _modes(modes: list[str] | None) -> str:
    return ",".join(short for mode, short in _MODES.items() if mode in (modes or []))


def _volume_claim(volume: Object) -> str:
    claim = volume["spec"].get("claimRef") or {}
    return f"{claim.get('namespace', '')}/{claim['name']}" if claim.get("name") else ""


def _quota(quota: Object, *, limits: bool) -> str:
    status = quota.get("status", {})
    hard, used = status.get("hard") or {}, status.get("used") or {}
    chosen = sorted(resource for resource in hard if resource.startswith("limits.") is limits)
    return ", ".join(f"{resource}: {used.get(resource, '0')}/{hard[resource]}" for resource in chosen)


def _node_status(node: Object) -> str:
    conditions = {c["type"]: c["status"] for c in node.get("status", {}).get("conditions") or []}
    state = {None: "Unknown", "True": "Ready"}.get(conditions.get("Ready"), "NotReady")
    return f"{state},SchedulingDisabled" if node.get("spec", {}).get("unschedulable") else state


def _roles(node: Object) -> str:
    names = node["metadata"].get("labels") or {}
    found = {label.removeprefix(_ROLE) for label in names if label.startswith(_ROLE) and label != _ROLE}
    found |= {value for label, value in names.items() if label == "kubernetes.io/role" and value}
    return ",".join(sorted(found)) or NONE


def _node_address(node: Object, kind: str) -> str:
    listed = node.get("status", {}).get("addresses") or []
    return next((entry["address"] for entry in listed if entry.get("type") == kind), NONE)


def _data(obj: Object) -> Cell:
    return len(obj.get("data") or {}) + len(obj.get("binaryData") or {})


def _info(field: str) -> Column:
    titles = {"osImage": "OS-Image", "kernelVersion": "Kernel-Version", "containerRuntimeVersion": "Container-Runtime"}
    return Column(titles[field], at("status", "nodeInfo", field, default="<unknown>"), True)


SERVICE = (
    Column("Name", name),
    Column("Type", at("spec", "type")),
    Column("Cluster-IP", at("spec", "clusterIP", default=NONE)),
    Column("External-IP", _external),
    Column("Port(s)", _ports),
    Column("Age", age),
    Column("Selector", lambda obj: labels(obj["spec"].get("selector")), True),
)
INGRESS = (
    Column("Name", name),
    Column("Class", at("spec", "ingressClassName", default=NONE)),
    Column("Hosts", _hosts),
    Column("Address", _load_balancers),
    Column("Ports", lambda ingress: "80, 443" if ingress["spec"].get("tls") else "80"),
    Column("Age", age),
)
ENDPOINT_SLICE = (
    Column("Name", name),
    Column("AddressType", at("addressType")),
    Column("Ports", _slice_ports),
    Column("Endpoints", _endpoints),
    Column("Age", age),
)
VOLUME_CLAIM = (
    Column("Name", name),
    Column("Status", _claim_state),
    Column("Volume", at("spec", "volumeName")),
    Column("Capacity", _claim_capacity),
    Column("Access Modes", _claim_modes),
    Column("StorageClass", at("spec", "storageClassName")),
    Column("VolumeAttributesClass", at("spec", "volumeAttributesClassName", default=UNSET)),
    Column("Age", age),
    Column("VolumeMode", at("spec", "volumeMode", default=UNSET), True),
)
VOLUME = (
    Column("Name", name),
    Column("Capacity", at("spec", "capacity", "storage")),
    Column("Access Modes", lambda obj: _modes(obj["spec"].get("accessModes"))),
    Column("Reclaim Policy", at("spec", "persistentVolumeReclaimPolicy")),
    Column("Status", _claim_state),
    Column("Claim", _volume_claim),
    Column("StorageClass", at("spec", "storageClassName")),
    Column("VolumeAttributesClass", at("spec", "volumeAttributesClassName", default=UNSET)),
    Column("Reason", at("status", "reason")),
    Column("Age", age),
    Column("VolumeMode", at("spec", "volumeMode", default=UNSET), True),
)
QUOTA = (
    Column("Name", name),
    Column("Request", lambda obj: _quota(obj, limits=False)),
    Column("Limit", lambda obj: _quota(obj, limits=True)),
    Column("Age", age),
)
NODE = (
    Column("Name", name),
    Column("Status", _node_status),
    Column("Roles", _roles),
    Column("Age", age),
    Column("Version", at("status", "nodeInfo", "kubeletVersion")),
    Column("Internal-IP", lambda node: _node_address(node, "InternalIP"), True),
    Column("External-IP", lambda node: _node_address(node, "ExternalIP"), True),
    _info("osImage"),
    _info("kernelVersion"),
    _info("containerRuntimeVersion"),
)
NAMESPACE = (Column("Name", name), Column("Status", at("status", "phase")), Column("Age", age))
SECRET = (Column("Name", name), Column("Type", at("type")), Column("Data", _data), Column("Age", age))
CONFIG_MAP = (Column("Name", name), Column("Data", _data), Column("Age", age))
SERVICE_ACCOUNT = (
    Column("Name", name),
    Column("Secrets", lambda obj: len(obj.get("secrets") or [])),
    Column("Age", age),
)
PLAIN = (Column("Name", name), Column("Age", age))
