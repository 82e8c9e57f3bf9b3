"""What must fit together: keys that are right each by itself, and can't be side by side."""

from collections.abc import Callable, Iterator
from typing import Any

from releases.pipeline.deployer_yml.sections import MAIN_PORT_NAME, SERVICE_PORT, Service, Timer

Path = tuple[Any, ...]
Disagreement = tuple[Path, str]


def in_service(service: Service) -> Iterator[Disagreement]:
    """Paths begin at the service."""
    if service.build and service.image:
        yield ("image",), "is there beside build: it is one or the other"
    yield from _of_port(service)
    yield from _of_ports(service)
    yield from _of_volumes(service)


def between_services(services: dict[str, Service]) -> Iterator[Disagreement]:
    """Paths begin at the services."""
    domains: dict[str, str] = {}
    claims: dict[str, str] = {}
    secrets = {f"{name}-tls": name for name, service in services.items() if service.domain and not service.tls}
    for name, service in services.items():
        for place, domain in enumerate(service.domain):
            if domain in domains:
                yield (name, "domain", place), f"{domain} is also a domain of {domains[domain]}"
            domains.setdefault(domain, name)
        for place, volume in enumerate(service.volumes):
            claim = f"{name}-{volume.name}"
            if claims.get(claim, name) != name:
                yield (name, "volumes", place), f"would be stored as {claim}, as one of {claims[claim]} is"
            claims[claim] = name
        if service.tls and secrets.get(service.tls.secret, name) != name:
            other = secrets[service.tls.secret]
            yield (name, "tls", "secret"), f"{service.tls.secret} is where the certificate of {other} is kept"


def of_timers(timers: dict[str, Timer], services: dict[str, Service]) -> Iterator[Disagreement]:
    """Paths begin at the timers."""
    for name, timer in timers.items():
        if name == "release":
            yield (name,), "is the name of the release command's Jobs: choose another"
        if timer.service not in services:
            yield (name, "service"), f"{timer.service} is not among the services"


def _of_port(service: Service) -> Iterator[Disagreement]:
    if service.port is None:
        needing = [key for key in ("health", "liveness", "domain") if getattr(service, key)]
        for key in needing:
            yield (key,), "needs a port, and the service has none"
    if service.tls and not service.domain:
        yield ("tls",), "needs a domain, and the service has none"


def _of_ports(service: Service) -> Iterator[Disagreement]:
    numbers = {(service.port, "tcp"), (SERVICE_PORT, "tcp")} if service.port else set()
    names = {MAIN_PORT_NAME}
    for place, port in enumerate(service.ports):
        if (port.port, port.protocol) in numbers:
            why = f"{port.port} is taken" + (": there others reach the service's port" if port.port == 80 else "")
            yield ("ports", place), why
        elif port.name in names:
            yield ("ports", place), f"the name {port.name} is taken"
        numbers.add((port.port, port.protocol))
        names.add(port.name)


def _of_volumes(service: Service) -> Iterator[Disagreement]:
    if service.volumes and (service.scale.count.most or service.scale.count.least > 1):
        yield ("scale", "count"), "with volumes there is at most one process: two can't write to one volume"
    takers: list[tuple[str, Callable[[Any], str]]] = [("name", lambda it: it.name), ("path", lambda it: it.path)]
    for key, value_of in takers:
        seen: set[str] = set()
        for place, volume in enumerate(service.volumes):
            value = value_of(volume)
            if value in seen:
                yield ("volumes", place, key), f"{value} is another volume's, too"
            seen.add(value)
