"""Read deployer.yml: what the file may say, checked, with its defaults filled in.

The result is plain data (a release stores it), in the shape that `Manifest` below describes.
"""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator

from releases.pipeline.deployer_yml import agreement, faults, text
from releases.pipeline.deployer_yml.sections import (
    BuildSection,
    Deployment,
    ReleaseCommand,
    Section,
    Service,
    Timer,
)
from releases.pipeline.deployer_yml.text import SIZE_MAX, Document
from releases.pipeline.deployer_yml.values import Environment, Name, TimerName

__all__ = ["FILE", "SIZE_MAX", "Manifest", "Service", "checked", "parse", "without_file"]

FILE = "deployer.yml"


class Manifest(Section):
    services: Annotated[dict[Name, Service], Field(min_length=1, max_length=50)]
    release: ReleaseCommand | None = None
    timers: Annotated[dict[TimerName, Timer], Field(max_length=50)] = {}
    deployment: Deployment = Deployment()
    environment: Environment = {}

    @model_validator(mode="after")
    def _says_what_was_left_open(self) -> "Manifest":
        for service in self.services.values():
            if not service.build and not service.image:
                service.build = BuildSection()
        first = "web" if "web" in self.services else next(iter(self.services))
        commands: list[ReleaseCommand | Timer] = [*self.timers.values()]
        for command in [*commands, self.release] if self.release else commands:
            command.service = command.service or first
        return self


def parse(content: str) -> dict[str, Any]:
    """The manifest as plain data. Raises ManifestInvalid with one reason per fault: line, key, nearest known name."""
    return checked(text.load(content, file=FILE))


def without_file(commands: dict[str, list[str] | None]) -> dict[str, Any]:
    """The manifest of a source that has none: a service per Procfile entry, or `web` alone; web's port is 8080.

    Raises ManifestInvalid when an entry can't be a service's name.
    """
    services = {
        name: {"build": ".", "command": command, **({"port": 8080} if name == "web" else {})}
        for name, command in commands.items()
    }
    try:
        return Manifest.model_validate({"services": services}).model_dump(mode="json")
    except ValidationError as error:  # only names can be wrong, or too many
        found = [f"Procfile: {(*details['loc'], '')[1]}: {details['msg']}." for details in error.errors()]
        raise text.invalid(found) from error


def checked(document: Document) -> dict[str, Any]:
    """A document in the shape of deployer.yml, whatever file it came from, as plain data. Raises ManifestInvalid."""
    try:
        manifest = Manifest.model_validate(document.values)
    except ValidationError as error:
        found = [faults.fault(dict(details), document, Manifest) for details in error.errors(include_url=False)]
        raise text.invalid(list(dict.fromkeys(found))) from error
    found = [document.fault(path, message) for path, message in _disagreements(manifest)]
    if found:
        raise text.invalid(found)
    return manifest.model_dump(mode="json")


def _disagreements(manifest: Manifest) -> Iterator[agreement.Disagreement]:
    for name, service in manifest.services.items():
        for path, message in agreement.in_service(service):
            yield ("services", name, *path), message
    for path, message in agreement.between_services(manifest.services):
        yield ("services", *path), message
    if manifest.release and manifest.release.service not in manifest.services:
        yield ("release", "service"), f"{manifest.release.service} is not among the services"
    for path, message in agreement.of_timers(manifest.timers, manifest.services):
        yield ("timers", *path), message
