"""The sections of a manifest, one class each: its keys, their defaults and limits, and its short forms."""

from typing import Annotated, Any, Literal

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_serializer,
    model_validator,
)

from releases.pipeline.deployer_yml.values import (
    Command,
    Count,
    Domain,
    Environment,
    Image,
    MountPath,
    Name,
    Path,
    PerCent,
    PortName,
    PortNumber,
    Range,
    Schedule,
    Seconds,
    SecretName,
    SomeSeconds,
)

# The Service object answers here for the service's `port`.
SERVICE_PORT = 80
MAIN_PORT_NAME = "http"


def _short(key: str, *kinds: type) -> BeforeValidator:
    """A short form: the value of `key` alone in place of the whole section."""
    return BeforeValidator(lambda value: {key: value} if isinstance(value, kinds) and value is not True else value)


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


class Targets(Section):
    """How much of what a process asks for it shall use, in per cent, before another one comes."""

    cpu: PerCent | None = None
    memory: PerCent | None = None

    @model_validator(mode="after")
    def _has_one(self) -> "Targets":
        if self.cpu is None and self.memory is None:
            raise ValueError("has neither cpu nor memory")
        return self


class Scale(Section):
    count: Count = Range(1)
    targets: Targets | None = None
    cpu: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] = 250
    memory: Annotated[int, Field(strict=True, ge=4, le=10_000_000)] = 512

    @model_validator(mode="after")
    def _fits_together(self) -> "Scale":
        if self.count.most is not None and self.targets is None:
            raise ValueError("has a range and no targets: {cpu: 70}, for example, says when to add a process")
        if self.count.most is None and self.targets is not None:
            raise ValueError("has targets and no range: count: 2-10, for example, says between how many processes")
        return self

    @model_serializer
    def _stored(self) -> dict[str, Any]:
        """`count` is the first number of processes; `max` the highest, None without an autoscaler."""
        targets = self.targets.model_dump() if self.targets else None
        return {
            "count": self.count.least,
            "max": self.count.most,
            "targets": targets,
            "cpu": self.cpu,
            "memory": self.memory,
        }


class Port(Section):
    port: PortNumber
    name: PortName = ""
    protocol: Literal["tcp", "udp"] = "tcp"

    @model_validator(mode="after")
    def _is_named(self) -> "Port":
        self.name = self.name or f"port-{self.port}" + ("-udp" if self.protocol == "udp" else "")
        return self


class Volume(Section):
    name: Name
    path: MountPath
    size: Annotated[int, Field(strict=True, ge=1, le=65_536)]


class InitContainer(Section):
    command: Command


class Tls(Section):
    secret: SecretName


class ServiceDeployment(Section):
    minimum: Annotated[int, Field(strict=True, ge=0, le=100)] = 100
    maximum: Annotated[int, Field(strict=True, ge=100, le=1000)] = 125
    verify: Seconds | None = None
    deadline: SomeSeconds | None = None
    pull: Seconds | None = None
    start: Seconds | None = None
    exits: Annotated[int, Field(strict=True, ge=1, le=100)] | None = None

    @model_validator(mode="after")
    def _can_replace(self) -> "ServiceDeployment":
        if self.minimum == 100 and self.maximum == 100:
            raise ValueError("has minimum 100 and maximum 100: nothing could ever be replaced")
        return self


class Termination(Section):
    grace: Annotated[int, Field(strict=True, ge=0, le=3600)] = 30


class Service(Section):
    build: Annotated[BuildSection | None, _short("path", str)] = None
    image: Image | None = None
    command: Command | None = None
    initContainer: Annotated[InitContainer | None, _short("command", str, list)] = Field(
        default=None, validation_alias=AliasChoices("initContainer", "init")
    )
    port: PortNumber | None = None
    ports: Annotated[list[Annotated[Port, _short("port", int)]], Field(max_length=50)] = []
    health: Annotated[Health | None, _short("path", str)] = None
    liveness: Annotated[Liveness | None, _short("path", str)] = None
    scale: Scale = Scale()
    environment: Environment = {}
    volumes: Annotated[list[Volume], Field(max_length=20)] = []
    deployment: ServiceDeployment = ServiceDeployment()
    domain: list[Domain] = []
    tls: Tls | None = None
    sticky: Annotated[bool, Field(strict=True)] = False
    termination: Termination = Termination()


class ReleaseCommand(Section):
    command: Command
    service: Name | None = None
    timeout: SomeSeconds = 300


class Timer(Section):
    schedule: Schedule
    command: Command
    service: Name | None = None
    timeout: SomeSeconds = 3600


class Deployment(Section):
    strategy: Literal["rolling", "immediate"] = "rolling"
    deadline: SomeSeconds = 600
