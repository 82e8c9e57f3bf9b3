"""Why is it not running? Of an app as it is now, and of a rollout as it was when it failed."""

from typing import Any

from django.http import Http404, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render

from deployer import diagnosis_text
from releases import actions, policy
from releases.models import App, Rollout
from releases.pages import board_for
from releases.pages.diagnosis import board, looking, stored
from releases.views.door import Request, page


@page
def live(request: Request, name: str) -> HttpResponse:
    """`?service=`, `?all=1`: healthy processes, too."""
    found = board_for(f"diagnosis.{name}", by=request.actor, query=request.GET.dict())
    return render(request, "diagnosis.html", {"board": found, "here": "diagnosis", **found.context})


@page
def live_json(request: Request, name: str) -> HttpResponseBase:
    return _json(_asked(request, name), f"{name}-diagnosis.json")


@page
def live_text(request: Request, name: str) -> HttpResponseBase:
    return _text(request, _asked(request, name))


@page
def of_rollout(request: Request, name: str, number: int) -> HttpResponse:
    """Of one that still runs: that of the app."""
    rollout = _rollout(request, name, number)
    if not rollout.is_finished and rollout.status not in stored.FAILED:
        return redirect("diagnosis", name)
    return render(request, "rollout_diagnosis.html", stored.context(rollout, by=request.actor))


@page
def of_rollout_json(request: Request, name: str, number: int) -> HttpResponseBase:
    return _json(_stored(request, name, number), f"{name}-rollout-{number}-diagnosis.json")


@page
def of_rollout_text(request: Request, name: str, number: int) -> HttpResponseBase:
    return _text(request, _stored(request, name, number))


def _asked(request: Request, name: str) -> dict[str, Any]:
    policy.require("view", by=request.actor)
    app = get_object_or_404(App.objects.select_related("active_release", "cluster"), name=name)
    wish = board.Wish.of(request.GET.dict())
    return wish.of_report(looking.whole(app, by=request.actor, everything=wish.everything))


def _stored(request: Request, name: str, number: int) -> dict[str, Any]:
    found = actions.diagnosis_of(_rollout(request, name, number), by=request.actor)
    if found is None:
        raise Http404("No diagnosis of it is stored.")
    return found


def _rollout(request: Request, name: str, number: int) -> Rollout:
    policy.require("view", by=request.actor)
    rollouts = Rollout.objects.select_related("app").defer(*Rollout.LARGE, "baseline", "squares")
    return get_object_or_404(rollouts, app__name=name, number=number)


def _json(report: dict[str, Any], filename: str) -> JsonResponse:
    answer = JsonResponse(report, json_dumps_params={"indent": 2, "ensure_ascii": False})
    answer.headers["Content-Disposition"] = f'attachment; filename="{filename}"'
    return answer


def _text(request: Request, report: dict[str, Any]) -> HttpResponse:
    text = "".join(
        f"{line}\n" for line in diagnosis_text.lines(report, url=request.build_absolute_uri("/").rstrip("/"))
    )
    return HttpResponse(text, content_type="text/plain; charset=utf-8")
