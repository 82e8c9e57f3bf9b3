"""Read deployer.yml: what the file may say, checked, with its defaults filled in.

The result is plain data (a release stores it), in the shape that `Manifest` below describes.
"""

import difflib
import shlex
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from releases.errors import ManifestInvalid

FILE = "deployer.yml"
SIZE_MAX = 256 * 1024
NODES_MAX = 20_000
# The parser's time grows with the square of the depth; no manifest that means something comes near this.
BRACKETS_MAX = 1000
FAULTS_SHOWN = 20


def parse(text: str) -> dict:
    """The manifest as plain data. Raises ManifestInvalid with one reason per fault: line, key, nearest known name."""
    document = _load(text)
    try:
        manifest = Manifest.model_validate(_plain(document))
    except ValidationError as error:
        faults = [_fault(dict(details), document) for details in error.errors(include_url=False)]
        raise _invalid(list(dict.fromkeys(faults))) from error
    return manifest.model_dump(mode="json")


def without_file(commands: dict[str, list[str] | None]) -> dict:
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
        faults = [f"Procfile: {(*details['loc'], '')[1]}: {details['msg']}." for details in error.errors()]
        raise _invalid(faults) from error


# --- What the file may say ------------------------------------------------------------------------------------------


def _command(value: Any) -> Any:
    """A command line is split as a shell would split it, but no shell runs it; a list is taken as it is."""
    if not isinstance(value, str):
        return value
    try:
        words = shlex.split(value)
    except ValueError as error:
        raise ValueError(f"can't be split into words: {error}") from error
    if not words:
        raise ValueError("is empty")
    return words


def _environment(value: Any) -> Any:
    """`[NAME, OTHER=default]` → {"NAME": None, "OTHER": "default"}."""
    if isinstance(value, dict):
        return value
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise ValueError("is a list of NAME (required) or NAME=default")
    pairs = [entry.partition("=") for entry in value]
    return {name: default if equals else None for name, equals, default in pairs}


def _section(key: str) -> BeforeValidator:
    """A short form: the value of `key` alone in place of the whole section."""
    return BeforeValidator(lambda value: {key: value} if isinstance(value, str) else value)


Name = Annotated[str, StringConstraints(pattern=r"^[a-z]([a-z0-9-]*[a-z0-9])?$", max_length=40)]
VariableName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=128)]
Domain = Annotated[
    str, StringConstraints(pattern=r"^(\*\.)?([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]*[a-z0-9]$", max_length=253)
]
Path = Annotated[str, StringConstraints(pattern=r"^/[^\s]*$", max_length=1000)]
Command = Annotated[list[str], BeforeValidator(_command), Field(min_length=1)]
Environment = Annotated[dict[VariableName, str | None], BeforeValidator(_environment)]
Count = Annotated[int, Field(strict=True, ge=0, le=1000)]
Seconds = Annotated[int, Field(strict=True, ge=0, le=86_400)]
SomeSeconds = Annotated[int, Field(strict=True, ge=1, le=86_400)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid")


class BuildSection(Section):
    path: str = "."
    dockerfile: str = "Dockerfile"
    target: str | None = None
    args: dict[str, str] = {}


class Health(Section):
    path: Path = "/"
    interval: SomeSeconds = 5
    timeout: SomeSeconds = 4
    grace: Seconds = 5


class Liveness(Section):
    path: Path
    interval: SomeSeconds = 10
    timeout: SomeSeconds = 5
    grace: Seconds = 10
    failures: Annotated[int, Field(strict=True, ge=1, le=100)] = 3


class Scale(Section):
    count: Count = 1
    cpu: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] = 250
    memory: Annotated[int, Field(strict=True, ge=4, le=10_000_000)] = 512


class ServiceDeployment(Section):
    minimum: Annotated[int, Field(strict=True, ge=0, le=100)] = 100
    maximum: Annotated[int, Field(strict=True, ge=100, le=1000)] = 125
    verify: Seconds | None = None
    deadline: SomeSeconds | None = None
    pull: Seconds | None = None
    start: Seconds | None = None
    exits: Annotated[int, Field(strict=True, ge=1, le=100)] | None = None


class Termination(Section):
    grace: Annotated[int, Field(strict=True, ge=0, le=3600)] = 30


class Service(Section):
    build: Annotated[BuildSection | None, _section("path")] = None
    image: Annotated[str, StringConstraints(min_length=1, max_length=1000)] | None = None
    command: Command | None = None
    port: Annotated[int, Field(strict=True, ge=1, le=65_535)] | None = None
    health: Annotated[Health | None, _section("path")] = None
    liveness: Annotated[Liveness | None, _section("path")] = None
    scale: Scale = Scale()
    environment: Environment = {}
    deployment: ServiceDeployment = ServiceDeployment()
    domain: list[Domain] = []
    sticky: Annotated[bool, Field(strict=True)] = False
    termination: Termination = Termination()

    @model_validator(mode="after")
    def _fits_together(self) -> "Service":
        if self.build and self.image:
            raise ValueError("has both build and image: it is one or the other")
        if not self.build and not self.image:
            self.build = BuildSection()
        if self.port is None and (self.health or self.liveness or self.domain):
            raise ValueError("has a health check or a domain and no port")
        if self.deployment.minimum == 100 and self.deployment.maximum == 100:
            raise ValueError("has deployment minimum 100 and maximum 100: nothing could ever be replaced")
        return self


class ReleaseCommand(Section):
    command: Command
    service: Name | None = None
    timeout: SomeSeconds = 300


class Deployment(Section):
    strategy: Literal["rolling", "immediate"] = "rolling"
    deadline: SomeSeconds = 600


class Manifest(Section):
    services: Annotated[dict[Name, Service], Field(min_length=1, max_length=50)]
    release: ReleaseCommand | None = None
    deployment: Deployment = Deployment()
    environment: Environment = {}

    @model_validator(mode="after")
    def _fits_together(self) -> "Manifest":
        if self.release:
            self.release.service = self.release.service or (
                "web" if "web" in self.services else next(iter(self.services))
            )
            if self.release.service not in self.services:
                raise ValueError(f"release.service names {self.release.service}, which is not among the services")
        return self


# Part of the format, and refused by name until they do something: silence would be a lie.
NOT_YET = {"volumes", "timers", "targets"}

# --- From text to data, and from a fault to its line ----------------------------------------------------------------


def _load(text: str) -> Any:
    if len(text.encode()) > SIZE_MAX:
        raise _invalid([f"{FILE} is larger than {SIZE_MAX // 1024} KiB."])
    if text.count("[") + text.count("{") > BRACKETS_MAX:
        raise _invalid([f"{FILE} has more than {BRACKETS_MAX} brackets."])
    try:
        document = YAML(typ="rt").load(text)
    except DuplicateKeyError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        key = str(error.problem).partition('"')[2].partition('"')[0]
        raise _invalid([f"{FILE} line {line}: {key} is there twice."]) from error
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise _invalid([f"{FILE} line {line}: not YAML: {error.problem or error.context}."]) from error
    except (YAMLError, ValueError, RecursionError) as error:
        raise _invalid([f"{FILE} is not YAML: {str(error).splitlines()[0][:200]}"]) from error
    if not isinstance(document, dict):
        raise _invalid([f"{FILE} line 1: a mapping with `services:` was expected."])
    return document


def _plain(document: Any) -> Any:
    """Without ruamel's own types; bounded, so that a few aliases can't become a billion nodes."""
    left = NODES_MAX

    def copy(node: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise _invalid([f"{FILE} has more than {NODES_MAX} values."])
        if isinstance(node, dict):
            return {copy(key) if isinstance(key, str) else key: copy(value) for key, value in node.items()}
        if isinstance(node, list):
            return [copy(value) for value in node]
        if isinstance(node, bool) or node is None:
            return node
        for kind in (int, float, str):
            if isinstance(node, kind):
                return kind(node)
        return str(node)

    return copy(document)


# Where the validator speaks of its own insides.
_PLAIN = {
    "too_short": "is empty",
    "model_type": "should be a mapping of keys",
    "dict_type": "should be a mapping of keys",
}


def _fault(details: dict, document: Any) -> str:
    """One pydantic error in words: `deployer.yml line 4: services.web.prot is not a key here; did you mean port?`"""
    path = list(details["loc"])
    known, line = _walk(document, path)
    key = ".".join(str(part) for part in known) or "the file"
    where = f"{FILE} line {line}: "
    if details["type"] == "extra_forbidden":
        name = str(path[-1])
        if name in NOT_YET:
            return f"{where}{key} is not available yet."
        near = difflib.get_close_matches(name, _known_names(path[:-1]), n=1, cutoff=0.5)
        return f"{where}{key} is not a key here" + (f"; did you mean {near[0]}?" if near else ".")
    if details["type"] == "missing":
        return f"{where}{'.'.join(map(str, path))} is missing."
    message = _PLAIN.get(details["type"]) or str(details["msg"]).removeprefix("Value error, ")
    if path and path[-1] == "[key]":
        return f"{where}{key} can't be a name: {message}."
    return f"{where}{key}: {message[:1].lower()}{message[1:]}."


def _walk(document: Any, path: list) -> tuple[list, int]:
    """How far `path` leads into the document, and the line (from 1) where that stands."""
    node, line, known = document, 1, []
    for part in path:
        here = getattr(node, "lc", None)
        if isinstance(node, dict) and part in node:
            line = (here.key(part)[0] if here else line - 1) + 1
            node = node[part]
        elif isinstance(node, list) and isinstance(part, int) and part < len(node):
            line = (here.item(part)[0] if here else line - 1) + 1
            node = node[part]
        else:
            break
        known.append(part)
    return known, line


def _known_names(path: list) -> list[str]:
    """The keys that the section at `path` may have."""
    sections: dict[str, type[Section]] = {
        "build": BuildSection,
        "health": Health,
        "liveness": Liveness,
        "scale": Scale,
        "termination": Termination,
    }
    if not path:
        return list(Manifest.model_fields)
    outer: dict[str, type[Section]] = {"release": ReleaseCommand, "deployment": Deployment}
    section: type[Section] | None = outer.get(str(path[0]))
    if path[0] == "services":
        if len(path) == 2:
            return list(Service.model_fields)
        section = ServiceDeployment if path[2] == "deployment" else sections.get(str(path[2]))
    return list(section.model_fields) if section else []


def _invalid(faults: list[str]) -> ManifestInvalid:
    more = len(faults) - 1
    return ManifestInvalid(faults[0] + (f" (and {more} more)" if more else ""), reasons=faults[:FAULTS_SHOWN])
