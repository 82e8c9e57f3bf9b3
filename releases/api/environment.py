"""Variables: names for everybody who may look, values for those who may deploy."""

from typing import Literal

from ninja import Path, Router
from pydantic import BaseModel, Field

from releases import actions
from releases.api.authentication import Request
from releases.api.errors import documented
from releases.api.fields import Body
from releases.api.lookups import find_app
from releases.models import App

router = Router()
MASK = "********"


class StagedVariable(BaseModel):
    name: str
    change: Literal["set", "unset"]


class Environment(BaseModel):
    """Of the active release; before the first one, what is staged for it."""

    release: str | None
    masked: bool
    variables: dict[str, str]
    staged: list[StagedVariable]


class EnvironmentChange(Body):
    set: dict[str, str] = Field(default_factory=dict)
    unset: list[str] = Field(default_factory=list)
    stage: bool = False


class WholeEnvironment(Body):
    variables: dict[str, str]
    stage: bool = False


class EnvironmentChanged(BaseModel):
    """`release` is null when nothing changed, or when the change waits for the first build: `staged` names it then."""

    changed: bool
    release: str | None
    rollout: int | None
    staged: list[str]


@router.get("", response={200: Environment, **documented(404)})
def environment(request: Request, app_name: Path[str], reveal: bool = False) -> Environment:
    """Values are masked unless `reveal` asks for them, which needs a right and is audited."""
    app = find_app(app_name, by=request.actor)
    if reveal:
        variables = actions.reveal_env(app, by=request.actor)
    else:
        current = app.environment() if app.active_release else app.with_staged({})
        variables = dict.fromkeys(current, MASK)
    return Environment(
        release=app.active_release_id,
        masked=not reveal,
        variables=dict(sorted(variables.items())),
        staged=_staged(app),
    )


@router.patch("", response={200: EnvironmentChanged, **documented(404, 409)})
def change_environment(request: Request, app_name: Path[str], payload: EnvironmentChange) -> EnvironmentChanged:
    """Set and unset variables: a new release, promoted at once unless `stage` is true."""
    app = find_app(app_name, by=request.actor)
    return _changed(actions.set_env(app, by=request.actor, set=payload.set, unset=payload.unset, stage=payload.stage))


@router.put("", response={200: EnvironmentChanged, **documented(404, 409)})
def replace_environment(request: Request, app_name: Path[str], payload: WholeEnvironment) -> EnvironmentChanged:
    """These variables and no others, staged ones too: a new release, promoted at once unless `stage` is true."""
    app = find_app(app_name, by=request.actor)
    return _changed(actions.replace_env(app, by=request.actor, variables=payload.variables, stage=payload.stage))


def _changed(change: actions.EnvChange) -> EnvironmentChanged:
    return EnvironmentChanged(
        changed=change.changed,
        release=change.release.pk if change.release else None,
        rollout=change.rollout.number if change.rollout else None,
        staged=change.staged,
    )


def _staged(app: App) -> list[StagedVariable]:
    staged: dict[str, str | None] = app.staged
    return [StagedVariable(name=name, change="unset" if staged[name] is None else "set") for name in sorted(staged)]
