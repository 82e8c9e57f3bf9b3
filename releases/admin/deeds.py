"""Promote, roll back, diagnose: the same for apps, releases and rollouts, by the same actions as everywhere."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from releases import actions, policy
from releases.admin.diagnoses import Diagnosed, of_rollouts
from releases.admin.read_only import ReadOnly
from releases.errors import WrongState
from releases.models import App, Release, Rollout
from releases.pages.doubts import doubts
from releases.policy import Actor

DIAGNOSED_MAX = 50


class Deeds(ReadOnly):
    """For rows that a release belongs to: a subclass says which, and which rollout tells how it went."""

    actions = ["promote", "roll_back", "diagnose"]

    def to_promote(self, row: Any) -> Release:
        """Raises WrongState where there is none."""
        raise NotImplementedError

    def to_go_back_to(self, row: Any) -> Release:
        """Raises WrongState where there is none."""
        raise NotImplementedError

    def rollouts_of(self, row: Any) -> QuerySet[Rollout]:
        raise NotImplementedError

    @admin.action(description="Promote")
    def promote(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        by: Actor = request.actor  # type: ignore[attr-defined]
        self.each(request, queryset, lambda row: _begun(_promoted(self.to_promote(row), by=by)))

    @admin.action(description="Roll back")
    def roll_back(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        by: Actor = request.actor  # type: ignore[attr-defined]
        self.each(request, queryset, lambda row: _begun(actions.rollback(self.to_go_back_to(row), by=by)))

    def diagnosed(self, rows: Sequence[tuple[Any, Rollout | None]], *, by: Actor) -> list[Diagnosed]:
        """As it was when the last rollout failed. `rows`: each with that rollout."""
        return of_rollouts(rows, by=by)

    @admin.action(description="Diagnose")
    def diagnose(self, request: HttpRequest, queryset: QuerySet[Any]) -> TemplateResponse:
        by: Actor = request.actor  # type: ignore[attr-defined]
        policy.require("view", by=by)
        rows = [(row, self.rollouts_of(row).order_by("-number").first()) for row in queryset[:DIAGNOSED_MAX]]
        context = {
            **self.admin_site.each_context(request),
            "title": "Diagnosis",
            "opts": self.opts,
            "found": self.diagnosed(rows, by=by),
        }
        return TemplateResponse(request, "admin/diagnosis.html", context)


def _promoted(release: Release, *, by: Actor) -> Rollout:
    """Raises WrongState where one is asked first whether it is meant: that is done on its page."""
    found = doubts(release, release.app)
    if found and not policy.refusals("promote", by=by, app=release.app, release=release):
        raise WrongState(f"Not promoted. {' '.join(found)} If it is meant, promote it in the dashboard, on its page.")
    return actions.promote(release, by=by)


def _begun(rollout: Rollout) -> SafeString:
    return format_html('<a href="{}">{}</a> has begun.', rollout.get_absolute_url(), str(rollout))


def newest_release(app: App) -> Release:
    release = app.releases.select_related("app", "build").order_by("-created_at", "-id").first()
    if release is None:
        raise WrongState(f"{app.name} has no release yet.")
    return release


def release_before(app: App) -> Release:
    """The one that was active before the active one."""
    last = app.rollouts.filter(status="succeeded", release=app.active_release_id).order_by("-number").first()
    if last is None or last.previous is None:
        raise WrongState(f"Nothing was active in {app.name} before.")
    return last.previous
