"""What GitHub delivered to an app; have one handled again."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from releases import actions, policy
from releases.models import App, Delivery
from releases.pages import board_for, deliveries_board
from releases.views.door import Request, deed, page

DIGITS = 20


@page
def index(request: Request, name: str) -> HttpResponse:
    """The newest, live; `?before=` older ones, as they are now."""
    before = request.GET.get("before", "")
    if before.isascii() and before.isdigit() and len(before) < DIGITS:
        policy.require("view", by=request.actor)
        app = get_object_or_404(App, name=name)
        older = deliveries_board.context(app, by=request.actor, before=int(before))
        return render(request, "deliveries.html", {**older, "here": "deliveries", "actor": request.actor})
    board = board_for(f"deliveries.{name}", by=request.actor)
    return render(request, "deliveries.html", {"board": board, "here": "deliveries", **board.context})


@deed
def replay(request: Request, name: str, delivery_id: int) -> HttpResponse:
    delivery = get_object_or_404(Delivery, app__name=name, pk=delivery_id)
    actions.replay_delivery(delivery, by=request.actor)
    messages.success(request, f"The delivery {delivery.guid} is handled again.")
    return redirect("deliveries", name=name)
