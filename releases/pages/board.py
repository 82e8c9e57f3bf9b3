"""The live part of a page, by topic: `apps`, `app.<name>`, `deliveries.<app>`, `build.<id>`, `rollout.<app>.<number>`,
`clusters`, `cluster.<name>`, `registries`, `registry.<name>`."""

import re
import zlib
from dataclasses import dataclass
from typing import Any

from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string

from releases import policy
from releases.models import App, Build, Cluster, Registry, Rollout
from releases.pages import (
    app_board,
    apps_board,
    build_board,
    clusters_board,
    deliveries_board,
    registries_board,
    rollout_board,
)
from releases.policy import Actor

# A browser counts seconds and minutes by itself: a section whose times alone have moved on is not drawn again.
_TIMES = re.compile(r"(<time\b[^>]*>)[^<]*")
LOOK_SECONDS, LOOK_MOVING_SECONDS = 5.0, 2.0


@dataclass(frozen=True)
class Section:
    """A part of a page that is swapped as one: the element with the ID `name`, drawn by `live/<name>.html`."""

    name: str
    html: str

    @property
    def digest(self) -> int:
        return zlib.crc32(_TIMES.sub(r"\1", self.html).encode())


@dataclass(frozen=True)
class Board:
    """`group`: whom a nudge reaches when something on it has changed. `look`: seconds until it is drawn anyway."""

    topic: str
    group: str
    sections: tuple[str, ...]
    context: dict[str, Any]
    look: float

    def draw(self) -> list[Section]:
        return [Section(name, render_to_string(f"live/{name}.html", self.context)) for name in self.sections]


def board_for(topic: str, *, by: Actor) -> Board:
    """Raises Http404 when there is no such thing, NotAllowed when `by` may not see it."""
    policy.require("view", by=by)
    kind, _, name = topic.partition(".")
    if kind == "apps" and not name:
        return Board("apps", "page.apps", apps_board.SECTIONS, {"actor": by, **apps_board.context()}, LOOK_SECONDS)
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
    if kind == "deliveries":
        app = get_object_or_404(App, name=name)
        return _of(app, topic, deliveries_board.SECTIONS, deliveries_board.context(app, by=by), by=by)
    if kind == "app":
        apps = App.objects.select_related("active_release__build", "cluster").defer("cluster__kubeconfig")
        app = get_object_or_404(apps, name=name)
        return _of(app, topic, app_board.SECTIONS, app_board.context(app, by=by), by=by)
    if kind == "build":
        build = get_object_or_404(Build.objects.select_related("app"), pk=name)
        return _of(build.app, topic, build_board.SECTIONS, build_board.context(build, by=by), by=by)
    app_name, _, number = name.rpartition(".")
    rollouts = Rollout.objects.select_related("app", "release__build", "release__rolled_back_to", "previous")
    rollouts = rollouts.defer(*Rollout.LARGE, "baseline", "release__env", "previous__env", "previous__manifest")
    number = number if kind == "rollout" and number.isascii() and number.isdigit() and len(number) < 10 else "0"
    rollout = get_object_or_404(rollouts, app__name=app_name, number=int(number))
    return _of(rollout.app, topic, rollout_board.SECTIONS, rollout_board.context(rollout, by=by), by=by)


def _of(app: App, topic: str, sections: tuple[str, ...], context: dict[str, Any], *, by: Actor) -> Board:
    moving = context.get("running") or any(
        not context[name].is_finished for name in ("build", "rollout") if name in context
    )
    look = LOOK_MOVING_SECONDS if moving else LOOK_SECONDS
    return Board(topic, f"page.app-{app.pk}", sections, {"actor": by, "app": app, **context}, look)
