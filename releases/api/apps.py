"""Apps."""

from datetime import datetime
from typing import Annotated

from ninja import Query, Router, Status
from pydantic import BaseModel, StringConstraints

from releases import actions, policy
from releases.api.authentication import Request
from releases.api.errors import documented
from releases.api.fields import Body, Limit, NameCursor, Page, Text, page_of
from releases.api.lock import Lock, lock_in_short
from releases.api.lookups import find_app
from releases.errors import ClusterError, Invalid
from releases.models import App, Rollout
from releases.pipeline.addresses import addresses

router = Router()


class NewApp(Body):
    name: Annotated[Text, StringConstraints(max_length=200)]
    # May be left out when there is one cluster only, or a default.
    cluster: Annotated[Text, StringConstraints(max_length=200)] = ""


class AppSummary(BaseModel):
    name: str
    cluster_name: str
    status: str
    release: str | None
    # The one that holds now: nothing is promoted meanwhile.
    lock: Lock | None
    created: datetime


class UnfinishedRollout(BaseModel):
    number: int
    status: str
    release: str


class ServiceProcesses(BaseModel):
    service: str
    ready: int
    total: int


class AppInfo(AppSummary):
    urls: list[str]
    rollout: UnfinishedRollout | None
    # The release that is promoted when that rollout is over.
    next: str | None
    # None when the cluster does not answer; `cluster` then says why.
    processes: list[ServiceProcesses] | None
    cluster: str
    # As last seen: its version, and what was wrong with it; "" for what is not known, or well.
    cluster_version: str
    cluster_problem: str
    # Where the images of its builds go; null: to the default one.
    registry: str | None
    by: str


class AppChange(Body):
    """What is left out stays. `registry`: the name of one; blank: the default one."""

    registry: Annotated[Text, StringConstraints(max_length=200)] | None = None


class LeftBehind(BaseModel):
    left: list[str]


@router.get("", response={200: Page[AppSummary], **documented()})
def list_apps(request: Request, limit: Limit, cursor: NameCursor) -> Page[AppSummary]:
    """All that you reach, by name."""
    known = policy.reached(App.objects.filter(name__gt=cursor), by=request.actor).select_related("cluster")
    apps = list(known.defer("staged", "scale", "cluster__kubeconfig").order_by("name")[: limit + 1])
    running = Rollout.unfinished().filter(app__in=apps).only("app_id", "status")
    unfinished = {rollout.app_id: rollout for rollout in running}
    return page_of([_summary(app, unfinished.get(app.pk)) for app in apps], [app.name for app in apps], limit)


@router.post("", response={201: AppInfo, **documented(409)})
def create_app(request: Request, payload: NewApp) -> Status:
    """An app without anything in it yet."""
    app = actions.create_app(payload.name, cluster=payload.cluster, by=request.actor)
    return Status(201, _info(app, request))


@router.get("/{app_name}", response={200: AppInfo, **documented(404)})
def app_info(request: Request, app_name: str) -> AppInfo:
    """Its first URL is its public address."""
    return _info(find_app(app_name, by=request.actor), request)


@router.patch("/{app_name}", response={200: AppInfo, **documented(404)})
def change_app(request: Request, app_name: str, payload: AppChange) -> AppInfo:
    """Its name and its cluster are for good; what else it has, its other addresses change."""
    app = find_app(app_name, by=request.actor)
    if payload.registry is not None:
        actions.use_registry(app, payload.registry, by=request.actor)
    return _info(find_app(app_name, by=request.actor), request)


@router.delete("/{app_name}", response={200: LeftBehind, 204: None, **documented(404, 409)})
def delete_app(
    request: Request, app_name: str, confirm: Annotated[str, Query("")], abandon: Annotated[bool, Query(False)]
) -> Status:
    """Everything of it: what runs, its volumes with all that is in them, its history. `confirm` repeats its name.

    `abandon`: also when its cluster doesn't answer or refuses; then what is there stays there, and the answer (200)
    says what that is.
    """
    app = find_app(app_name, by=request.actor)
    if confirm != app.name:
        raise Invalid(f"Deleting an app is final: confirm it with its name, ?confirm={app.name}.")
    left = actions.delete_app(app, by=request.actor, abandon=abandon)
    return Status(200, LeftBehind(left=left)) if left else Status(204, None)


def _summary(app: App, rollout: Rollout | None) -> AppSummary:
    status = rollout.app_status if rollout else "Running" if app.active_release_id else "Stopped"
    return AppSummary(
        name=app.name,
        cluster_name=app.cluster.name,
        status=status,
        release=app.active_release_id,
        lock=lock_in_short(app),
        created=app.created_at,
    )


def _info(app: App, request: Request) -> AppInfo:
    rollout = app.unfinished_rollout
    processes, cluster = _processes(app, request)
    return AppInfo(
        **dict(_summary(app, rollout)),
        urls=addresses(app, app.active_release),
        rollout=_unfinished(rollout) if rollout else None,
        next=app.next_release_id,
        processes=processes,
        cluster=cluster,
        cluster_version=app.cluster.version,
        cluster_problem=app.cluster.problem,
        registry=app.registry.name if app.registry else None,
        by=app.by_label,
    )


def _unfinished(rollout: Rollout) -> UnfinishedRollout:
    return UnfinishedRollout(number=rollout.number, status=rollout.status, release=rollout.release_id)


def _processes(app: App, request: Request) -> tuple[list[ServiceProcesses] | None, str]:
    """What runs, per service of the active release and beside it. A cluster that is away takes nothing else with it."""
    if not app.rollouts_made:
        return [], ""
    try:
        running = actions.processes(app, by=request.actor)
    except ClusterError as error:
        return None, error.message
    services = list(app.active_release.manifest["services"]) if app.active_release else []
    names = dict.fromkeys(services + [process.service for process in running])
    return [
        ServiceProcesses(
            service=name,
            ready=sum(process.state == "ready" for process in running if process.service == name),
            total=sum(process.service == name for process in running),
        )
        for name in names
    ], ""
