"""Registries. No password is in an answer."""

from datetime import datetime
from typing import Annotated, Any

from django.db.models import Count
from ninja import Path, Router, Status
from pydantic import BaseModel, StringConstraints

from releases import actions, policy
from releases.api.authentication import Request
from releases.api.errors import documented
from releases.api.fields import Body, Text
from releases.api.lookups import find_app, find_registry
from releases.models import App, Registry

router, of_app = Router(), Router()
Name = Annotated[Text, StringConstraints(max_length=300)]
# Longer ones are refused in words; this bounds what is looked at.
Password = Annotated[Text, StringConstraints(max_length=64 * 1024)]


class NewRegistry(Body):
    """`address`: `host[:port][/path]`, without a scheme. Without a login it is asked as nobody."""

    name: Name
    address: Name
    username: Name = ""
    password: Password = ""
    is_default: bool = False


class RegistryChange(Body):
    """What is left out stays. An empty user name takes the login away."""

    address: Name | None = None
    username: Name | None = None
    password: Password | None = None
    is_default: bool | None = None


class RegistryInfo(BaseModel):
    """`state`: unchecked, reachable or unreachable; `problem` and `hint` as last seen. `apps`: that chose it.
    `deletion_refused`: why it lets us delete no old images; blank while it does, or has not been asked."""

    name: str
    address: str
    username: str
    has_password: bool
    is_default: bool
    state: str
    problem: str
    hint: str
    problem_since: datetime | None
    checked: datetime | None
    deletion_refused: str
    apps: int
    created: datetime
    by: str


class RegistryChanged(RegistryInfo):
    """`said`: what came of a new login in the clusters, a sentence for each app."""

    said: list[str]


class RegistryTestLine(BaseModel):
    """`state`: ok, warning or missing."""

    state: str
    words: str
    hint: str


class RegistryTest(BaseModel):
    """`ok`: nothing is missing."""

    ok: bool
    problem: str
    hint: str
    lines: list[RegistryTestLine]


class Choice(Body):
    # Blank: the default one.
    registry: Name


class Chosen(BaseModel):
    """`registry`: null without any."""

    app: str
    registry: str | None
    is_default: bool


@router.get("", response={200: list[RegistryInfo], **documented()})
def list_registries(request: Request) -> list[RegistryInfo]:
    """All registries, by name."""
    policy.require("view", by=request.actor)
    rows = Registry.objects.annotate(app_count=Count("apps")).order_by("name")
    return [RegistryInfo(**_columns(row)) for row in rows]


@router.post("", response={201: RegistryInfo, **documented(409)})
def create_registry(request: Request, payload: NewRegistry) -> Status:
    """Whether it answers is no condition. The first one is the default."""
    row = actions.create_registry(**payload.model_dump(), by=request.actor)
    return Status(201, RegistryInfo(**_columns(row)))


@router.get("/{registry_name}", response={200: RegistryInfo, **documented(404)})
def registry_info(request: Request, registry_name: str) -> RegistryInfo:
    """What it is, and how it was when it was last asked."""
    policy.require("view", by=request.actor)
    return RegistryInfo(**_columns(find_registry(registry_name)))


@router.patch("/{registry_name}", response={200: RegistryChanged, **documented(404, 409)})
def change_registry(request: Request, registry_name: str, payload: RegistryChange) -> RegistryChanged:
    """A new login is given to the clusters at once, as far as they answer; the others get it with the next rollout."""
    changes: dict[str, Any] = payload.model_dump(exclude_none=True)
    changed = actions.change_registry(find_registry(registry_name), **changes, by=request.actor)
    return RegistryChanged(**_columns(changed.registry), said=changed.said)


@router.delete("/{registry_name}", response={204: None, **documented(404, 409)})
def remove_registry(request: Request, registry_name: str) -> Status:
    """Deployer forgets it; the images in it stay. Refused while apps or releases use it."""
    actions.remove_registry(find_registry(registry_name), by=request.actor)
    return Status(204, None)


@router.post("/{registry_name}/test", response={200: RegistryTest, **documented(404)})
def test_registry(request: Request, registry_name: str) -> RegistryTest:
    """Ask it now: whether it answers, takes the login, and may be pushed to. One that does not is a result, too."""
    seen, findings = actions.test_registry(find_registry(registry_name), by=request.actor)
    return RegistryTest(
        ok=not any(finding.state == "missing" for finding in findings),
        problem=seen.problem,
        hint=seen.hint,
        lines=[RegistryTestLine(state=each.state, words=each.words, hint=each.hint) for each in findings],
    )


@of_app.get("/registry", response={200: Chosen, **documented(404)})
def registry_of_app(request: Request, app_name: Path[str]) -> Chosen:
    """Where the images of the app's next builds go."""
    policy.require("view", by=request.actor)
    return _chosen(find_app(app_name, by=request.actor))


@of_app.put("/registry", response={200: Chosen, **documented(404)})
def use_registry(request: Request, app_name: Path[str], payload: Choice) -> Chosen:
    """Where the images of the app's next builds go. What was built stays where it is."""
    return _chosen(actions.use_registry(find_app(app_name, by=request.actor), payload.registry, by=request.actor))


def _chosen(app: App) -> Chosen:
    used = app.registry or Registry.objects.filter(is_default=True).first()
    return Chosen(app=app.name, registry=used.name if used else None, is_default=app.registry is None)


def _columns(row: Registry) -> dict[str, Any]:
    app_count = getattr(row, "app_count", None)
    return {
        "name": row.name,
        "address": row.address,
        "username": row.username,
        "has_password": bool(row.password),
        "is_default": row.is_default,
        "state": row.state,
        "problem": row.problem,
        "hint": row.hint,
        "problem_since": row.problem_since,
        "checked": row.checked_at,
        "deletion_refused": row.deletion_refused,
        "apps": row.apps.count() if app_count is None else app_count,
        "created": row.created_at,
        "by": row.by_label,
    }
