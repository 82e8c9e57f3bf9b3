"""The live part of a page, by topic: `apps`, `app.<name>`, `deliveries.<app>`, `builds.<app>`, `build.<id>`,
`rollout.<app>.<number>`, `processes.<app>`, `diagnosis.<app>`, `clusters`, `cluster.<name>`, `registries`,
`registry.<name>`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string

from releases import policy
from releases.models import App, Build, Cluster, Registry, Rollout
from releases.pages import (
    app_board,
    apps_board,
    build_board,
    builds_board,
    clusters_board,
    deliveries_board,
    processes_board,
    registries_board,
    rollout_board,
)
from releases.pages.diagnosis import board as diagnosis_board
from releases.pages.history import activity_page, history_page
from releases.pages.section import Section
from releases.policy import Actor

LOOK_SECONDS, LOOK_MOVING_SECONDS = 5.0, 2.0
NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Board:
    """`group`: whom a nudge reaches when something on it has changed. `look`: seconds until it is drawn anyway.
    `parts`: the name of a section → the key of its parts in `context`. `address`: of its socket, topic and query."""

    topic: str
    group: str
    sections: tuple[str, ...]
    context: dict[str, Any]
    look: float
    parts: Mapping[str, str] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return self.context.get("address", self.topic)

    def draw(self) -> list[Section]:
        return [self._drawn(name) for name in self.sections]

    def _drawn(self, name: str) -> Section:
        parts = self.context[self.parts[name]] if name in self.parts else ()
        return Section(name, render_to_string(f"live/{name}.html", self.context), parts)


def board_for(topic: str, *, by: Actor, query: Mapping[str, str] = NOTHING) -> Board:
    """`query`: what is asked of a list. Raises Http404 when there is no such thing, NotAllowed when `by` may not see
    it."""
    policy.require("view", by=by)
    kind, _, name = topic.partition(".")
    if kind == "apps" and not name:
        context = {"actor": by, **apps_board.context(by, query)}
        return Board("apps", "page.apps", apps_board.SECTIONS, context, LOOK_SECONDS, {"apps-list": "rows"})
    if kind == "clusters" and not name:
        context = {"actor": by, **clusters_board.list_context()}
        return Board("clusters", "page.clusters", clusters_board.LIST_SECTIONS, context, LOOK_SECONDS)
    if kind == "cluster":
        row = get_object_or_404(Cluster, name=name)
        context = {"actor": by, **clusters_board.context(row, by=by)}
        return Board(topic, f"page.cluster-{row.pk}", clusters_board.SECTIONS, context, LOOK_SECONDS)
    if kind == "registries" and not name:
        context = {"actor": by, **registries_board.list_context()}
        return Board("registries", "page.registries", registries_board.LIST_SECTIONS, context, LOOK_SECONDS)
    if kind == "registry":
        registry = get_object_or_404(Registry, name=name)
        context = {"actor": by, **registries_board.context(registry, by=by)}
        return Board(topic, "page.registries", registries_board.SECTIONS, context, LOOK_SECONDS)
    if kind in ("history", "activity"):
        return _history(topic, kind, name, query, by=by)
    if kind == "deliveries":
        app = get_object_or_404(App, name=name)
        return _of(app, topic, deliveries_board.SECTIONS, deliveries_board.context(app, by=by), by=by)
    if kind == "app":
        apps = App.objects.select_related("active_release__build", "cluster").defer("cluster__kubeconfig")
        app = get_object_or_404(apps, name=name)
        return _of(app, topic, app_board.SECTIONS, app_board.context(app, by=by), by=by)
    if kind == "processes":
        apps = App.objects.select_related("active_release", "cluster")
        app = get_object_or_404(apps.defer("cluster__kubeconfig", "active_release__env"), name=name)
        return _of(app, topic, processes_board.SECTIONS, processes_board.context(app, by=by), by=by)
    if kind == "diagnosis":
        apps = App.objects.select_related("active_release", "cluster")
        app = get_object_or_404(apps.defer("cluster__kubeconfig", "active_release__env"), name=name)
        context = {"actor": by, "app": app, **diagnosis_board.context(app, query, by=by)}
        parts, look = diagnosis_board.PARTS, diagnosis_board.LOOK_SECONDS
        return Board(topic, f"page.app-{app.pk}", diagnosis_board.SECTIONS, context, look, parts)
    if kind == "builds":
        app = get_object_or_404(App.objects.select_related("cluster").defer("cluster__kubeconfig"), name=name)
        return _of(app, topic, builds_board.SECTIONS, builds_board.context(app, query, by=by), by=by)
    if kind == "build":
        build = get_object_or_404(Build.objects.select_related("app"), pk=name)
        return _of(build.app, topic, build_board.SECTIONS, build_board.context(build, by=by), by=by)
    app_name, _, number = name.rpartition(".")
    rollouts = Rollout.objects.select_related("app", "release__build", "release__rolled_back_to", "previous")
    rollouts = rollouts.defer(*Rollout.LARGE, "baseline", "release__env", "previous__env", "previous__manifest")
    number = number if kind == "rollout" and number.isascii() and number.isdigit() and len(number) < 10 else "0"
    rollout = get_object_or_404(rollouts, app__name=app_name, number=int(number))
    return _of(rollout.app, topic, rollout_board.SECTIONS, rollout_board.context(rollout, by=by), by=by)


def _history(topic: str, kind: str, name: str, query: Mapping[str, str], *, by: Actor) -> Board:
    app = get_object_or_404(policy.reached(App.objects.all(), by=by), name=name) if name else None
    asked = history_page.asked if kind == "history" else activity_page.asked
    group = f"page.app-{app.pk}" if app else "page.apps"
    return Board(topic, group, (f"{kind}-list",), {"actor": by, **asked(app, query, by=by)}, LOOK_SECONDS)


def _of(app: App, topic: str, sections: tuple[str, ...], context: dict[str, Any], *, by: Actor) -> Board:
    moving = (
        context.get("running")
        or context.get("moving")
        or any(not context[name].is_finished for name in ("build", "rollout") if name in context)
    )
    look = LOOK_MOVING_SECONDS if moving else LOOK_SECONDS
    return Board(topic, f"page.app-{app.pk}", sections, {"actor": by, "app": app, **context}, look)
