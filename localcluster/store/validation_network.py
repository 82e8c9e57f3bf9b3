"""What makes Services, Ingresses and EndpointSlices invalid."""

import ipaddress
from typing import Any

from localcluster.store.faults import Faults

Object = dict[str, Any]

NODE_PORTS = range(30000, 32768)

_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_PROTOCOLS = ("SCTP", "TCP", "UDP")
_PATH_TYPES = ("Exact", "ImplementationSpecific", "Prefix")
_ADDRESS_TYPES = ("FQDN", "IPv4", "IPv6")


def check_service(obj: Object, faults: Faults) -> None:
    spec = obj["spec"]
    if spec["type"] not in _TYPES:
        faults.unsupported("spec.type", spec["type"], _TYPES)
    if spec["sessionAffinity"] not in ("ClientIP", "None"):
        faults.unsupported("spec.sessionAffinity", spec["sessionAffinity"], ("ClientIP", "None"))
    ports = spec.get("ports", [])
    if not ports and spec["type"] != "ExternalName" and spec.get("clusterIP") != "None":
        faults.required("spec.ports")
    if spec["type"] == "ExternalName":
        if not spec.get("externalName"):
            faults.required("spec.externalName")
        else:
            faults.name("spec.externalName", spec["externalName"].rstrip("."), "subdomain")
    for index, address in enumerate(spec.get("clusterIPs") or []):
        if address != "None" and not _is_address(address):
            rule = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
            faults.invalid(f"spec.clusterIPs[{index}]", address, rule)
    _check_ports(ports, faults)
    faults.labels("spec.selector", spec.get("selector"))


def _check_ports(ports: list[Object], faults: Faults) -> None:
    names: set[str] = set()
    numbers: set[tuple[Any, Any]] = set()
    for index, port in enumerate(ports):
        field = f"spec.ports[{index}]"
        name = port.get("name", "")
        if not name and len(ports) > 1:
            faults.required(f"{field}.name")
        elif name in names:
            faults.duplicate(f"{field}.name", name)
        elif name:
            faults.name(f"{field}.name", name, "label")
        names.add(name)
        faults.port(f"{field}.port", port.get("port", 0))
        if port["protocol"] not in _PROTOCOLS:
            faults.unsupported(f"{field}.protocol", port["protocol"], _PROTOCOLS)
        _check_target(f"{field}.targetPort", port.get("targetPort"), faults)
        if (port.get("port"), port["protocol"]) in numbers:
            faults.duplicate(field, {"protocol": port["protocol"], "port": port.get("port")})
        numbers.add((port.get("port"), port["protocol"]))
        node_port = port.get("nodePort", 0)
        if node_port and node_port not in NODE_PORTS:
            rule = "provided port is not in the valid range. The range of valid ports is 30000-32767"
            faults.invalid(f"{field}.nodePort", node_port, rule)


def _check_target(field: str, target: int | str | None, faults: Faults) -> None:
    if isinstance(target, str):
        is_name = target.isascii() and all(c.isalnum() or c == "-" for c in target)
        if not is_name or not any(map(str.isalpha, target)):
            faults.invalid(field, target, "must contain at least one letter (a-z)")
        elif len(target) > 15:
            faults.invalid(field, target, "must be no more than 15 characters")
    else:
        faults.port(field, target)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def check_ingress(obj: Object, faults: Faults) -> None:
    spec = obj.get("spec") or {}
    if not spec.get("rules") and not spec.get("defaultBackend"):
        faults.invalid("spec", spec, "either `defaultBackend` or `rules` must be specified")
    if spec.get("defaultBackend"):
        _check_backend(spec["defaultBackend"], "spec.defaultBackend", faults)
    for index, rule in enumerate(spec.get("rules", [])):
        host = rule.get("host", "")
        if host and _is_address(host):
            faults.invalid(f"spec.rules[{index}].host", host, "must be a DNS name, not an IP address")
        elif host:
            faults.name(f"spec.rules[{index}].host", host.removeprefix("*."), "subdomain")
        _check_paths(rule.get("http"), f"spec.rules[{index}].http.paths", faults)


def _check_paths(http: Object | None, field: str, faults: Faults) -> None:
    if http is None:
        return
    if not http.get("paths"):
        faults.required(field)
    for index, path in enumerate(http.get("paths") or []):
        here = f"{field}[{index}]"
        kind = path.get("pathType")
        if kind is None:
            faults.required(f"{here}.pathType", "pathType must be specified")
        elif kind not in _PATH_TYPES:
            faults.unsupported(f"{here}.pathType", kind, _PATH_TYPES)
        elif not path.get("path", "/").startswith("/"):
            faults.invalid(f"{here}.path", path["path"], "must be an absolute path")
        elif kind != "ImplementationSpecific":
            if not path.get("path"):
                faults.required(f"{here}.path", "must be specified")
            for bad in ("//", "/./", "/../", "%2f", "%2F"):
                if bad in path.get("path", ""):
                    faults.invalid(f"{here}.path", path["path"], f"must not contain '{bad}'")
        _check_backend(path.get("backend") or {}, f"{here}.backend", faults)


def _check_backend(backend: Object, field: str, faults: Faults) -> None:
    service = backend.get("service")
    if service is None and backend.get("resource") is None:
        faults.required(field, "either `service` or `resource` must be specified")
    if service is None:
        return
    if not service.get("name"):
        faults.required(f"{field}.service.name")
    port = service.get("port") or {}
    if port.get("name") and port.get("number"):
        shown = {"name": port["name"], "number": port["number"]}
        faults.invalid(field, shown, "cannot set both port name & port number")
    elif port.get("number"):
        faults.port(f"{field}.service.port.number", port["number"])
    elif not port.get("name"):
        faults.required(field, "port name or number is required")


def check_endpoint_slice(obj: Object, faults: Faults) -> None:
    kind = obj.get("addressType", "")
    if not kind:
        faults.required("addressType")
    elif kind not in _ADDRESS_TYPES:
        faults.unsupported("addressType", kind, _ADDRESS_TYPES)
    for index, endpoint in enumerate(obj.get("endpoints") or []):
        if not endpoint.get("addresses"):
            faults.required(f"endpoints[{index}].addresses", "must contain at least 1 address")
        for number, address in enumerate(endpoint.get("addresses") or []):
            if kind.startswith("IP") and not _is_address(address):
                rule = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
                faults.invalid(f"endpoints[{index}].addresses[{number}]", address, rule)
