"""Pod security levels of namespaces (Kubernetes documentation, "Pod Security Standards").

Checked is what pods here could say at all: the fields of the levels `baseline` and `restricted` that concern Linux
containers, without SELinux, AppArmor, sysctls and /proc mounts.
"""

from collections.abc import Callable, Iterator
from typing import Any

from localcluster.errors import Forbidden

Object = dict[str, Any]

_LABEL = "pod-security.kubernetes.io/"
_BASELINE_CAPABILITIES = {
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP",
    "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
}  # fmt: skip
_PLAIN_VOLUMES = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected", "secret",
}  # fmt: skip
_PROFILES = ("RuntimeDefault", "Localhost")


def enforce(namespace: Object, pod: Object) -> None:
    """Raises Forbidden for a pod that its namespace's enforced level does not allow."""
    if violation := _violation(namespace, "enforce", pod["spec"]):
        raise Forbidden("Pod", pod["metadata"]["name"], f"violates {violation}")


def warnings(namespace: Object, spec: Object) -> tuple[str, ...]:
    """What the namespace's warning level says of a pod's or a template's specification."""
    violation = _violation(namespace, "warn", spec)
    return (f"would violate {violation}",) if violation else ()


def _violation(namespace: Object, mode: str, spec: Object) -> str:
    labels = namespace["metadata"].get("labels") or {}
    level = labels.get(_LABEL + mode, "privileged")
    checks = _CHECKS.get(level)
    found = [fault for check in checks for fault in check(spec)] if checks else []
    version = labels.get(f"{_LABEL}{mode}-version", "latest")
    return f'PodSecurity "{level}:{version}": {", ".join(found)}' if found else ""


def _containers(spec: Object) -> list[Object]:
    return [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]


def _context(part: Object) -> Object:
    return part.get("securityContext") or {}


def _named(containers: list[Object], noun: str = "container") -> str:
    names = ", ".join(f'"{container.get("name", "")}"' for container in containers)
    return f"{noun} {names}" if len(containers) == 1 else f"{noun}s {names}"


def _escalation(spec: Object) -> Iterator[str]:
    bad = [c for c in _containers(spec) if _context(c).get("allowPrivilegeEscalation") is not False]
    if bad:
        why = f"{_named(bad)} must set securityContext.allowPrivilegeEscalation=false"
        yield f"allowPrivilegeEscalation != false ({why})"


def _added(container: Object) -> set[str]:
    return set((_context(container).get("capabilities") or {}).get("add") or [])


def _baseline_capabilities(spec: Object) -> Iterator[str]:
    bad = [c for c in _containers(spec) if _added(c) - _BASELINE_CAPABILITIES]
    if bad:
        listed = ", ".join(f'"{name}"' for name in sorted(set().union(*map(_added, bad)) - _BASELINE_CAPABILITIES))
        yield f"non-default capabilities ({_named(bad)} must not include {listed} in securityContext.capabilities.add)"


def _restricted_capabilities(spec: Object) -> Iterator[str]:
    keeping = [c for c in _containers(spec) if "ALL" not in ((_context(c).get("capabilities") or {}).get("drop") or [])]
    adding = [c for c in _containers(spec) if _added(c) - {"NET_BIND_SERVICE"}]
    why = []
    if keeping:
        why.append(f'{_named(keeping)} must set securityContext.capabilities.drop=["ALL"]')
    if adding:
        listed = ", ".join(f'"{name}"' for name in sorted(set().union(*map(_added, adding)) - {"NET_BIND_SERVICE"}))
        why.append(f"{_named(adding)} must not include {listed} in securityContext.capabilities.add")
    if why:
        yield f"unrestricted capabilities ({'; '.join(why)})"


def _host_namespaces(spec: Object) -> Iterator[str]:
    shared = [f"{name}=true" for name in ("hostNetwork", "hostPID", "hostIPC") if spec.get(name)]
    if shared:
        yield f"host namespaces ({', '.join(shared)})"


def _volume_names(volumes: list[Object]) -> str:
    return ("volume " if len(volumes) == 1 else "volumes ") + ", ".join(f'"{volume["name"]}"' for volume in volumes)


def _host_paths(spec: Object) -> Iterator[str]:
    bad = [volume for volume in spec.get("volumes") or [] if "hostPath" in volume]
    if bad:
        yield f"hostPath volumes ({_volume_names(bad)})"


def _host_ports(spec: Object) -> Iterator[str]:
    ports = {
        c["name"]: [str(p["hostPort"]) for p in c.get("ports") or [] if p.get("hostPort")] for c in _containers(spec)
    }
    bad = [c for c in _containers(spec) if ports[c["name"]]]
    if bad:
        listed = ", ".join(port for c in bad for port in ports[c["name"]])
        yield f"hostPort ({_named(bad)} {'uses' if len(bad) == 1 else 'use'} hostPort {listed})"


def _privileged(spec: Object) -> Iterator[str]:
    bad = [c for c in _containers(spec) if _context(c).get("privileged")]
    if bad:
        yield f"privileged ({_named(bad)} must not set securityContext.privileged=true)"


def _volume_types(spec: Object) -> Iterator[str]:
    bad = [volume for volume in spec.get("volumes") or [] if not (volume.keys() - {"name"}) <= _PLAIN_VOLUMES]
    if bad:
        types = ", ".join(f'"{next(iter(volume.keys() - {"name"}))}"' for volume in bad)
        verb = "uses restricted volume type" if len(bad) == 1 else "use restricted volume types"
        yield f"restricted volume types ({_volume_names(bad)} {verb} {types})"


def _root(spec: Object) -> Iterator[str]:
    wrong = [c for c in _containers(spec) if _context(c).get("runAsNonRoot") is False]
    silent = [c for c in _containers(spec) if "runAsNonRoot" not in _context(c)]
    pod = _context(spec).get("runAsNonRoot")
    why = ["pod must not set securityContext.runAsNonRoot=false"] if pod is False else []
    if wrong:
        why.append(f"{_named(wrong)} must not set securityContext.runAsNonRoot=false")
    if silent and not pod and not why:
        why.append(f"pod or {_named(silent)} must set securityContext.runAsNonRoot=true")
    if why:
        yield f"runAsNonRoot != true ({', '.join(why)})"


def _root_user(spec: Object) -> Iterator[str]:
    bad = [c for c in _containers(spec) if _context(c).get("runAsUser") == 0]
    why = ["pod must not set runAsUser=0"] if _context(spec).get("runAsUser") == 0 else []
    if bad:
        why.append(f"{_named(bad)} must not set runAsUser=0")
    if why:
        yield f"runAsUser=0 ({', '.join(why)})"


def _profile(part: Object) -> str | None:
    found: str | None = (_context(part).get("seccompProfile") or {}).get("type")
    return found


def _unconfined(spec: Object) -> Iterator[str]:
    bad = [c for c in _containers(spec) if _profile(c) == "Unconfined"]
    why = ["pod"] if _profile(spec) == "Unconfined" else []
    if bad:
        why.append(_named(bad))
    if why:
        yield f'seccompProfile ({" and ".join(why)} must not set securityContext.seccompProfile.type to "Unconfined")'


def _confined(spec: Object) -> Iterator[str]:
    unconfined = list(_unconfined(spec))
    silent = [c for c in _containers(spec) if _profile(c) is None]
    if unconfined:
        yield from unconfined
    elif silent and _profile(spec) not in _PROFILES:
        why = 'must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"'
        yield f"seccompProfile (pod or {_named(silent)} {why})"


Check = Callable[[Object], Iterator[str]]

_CHECKS: dict[str, tuple[Check, ...]] = {
    "baseline": (_baseline_capabilities, _host_namespaces, _host_paths, _host_ports, _privileged, _unconfined),
    "restricted": (
        _escalation,
        _restricted_capabilities,
        _host_namespaces,
        _host_ports,
        _privileged,
        _volume_types,
        _root,
        _root_user,
        _confined,
    ),
}
