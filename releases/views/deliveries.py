"""What GitHub delivered to an app; have one handled again."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from releases import actions, policy
from releases.models import App, Delivery
from releases.pages import board_for, deliveries_board
from releases.views.door import Request, deed, page

DIGITS = 20
EVENT_MAX = 50


@page
def index(request: Request, name: str) -> HttpResponse:
    """The newest, live; `?before=` older ones, `?event=` and `?status=` some, as they are now."""
    if choice := _choice(request):
        policy.require("view", by=request.actor)
        app = get_object_or_404(App, name=name)
        return render(request, "deliveries.html", deliveries_board.context(app, by=request.actor, choice=choice))
    board = board_for(f"deliveries.{name}", by=request.actor)
    return render(request, "deliveries.html", {"board": board, **board.context})


def _choice(request: Request) -> deliveries_board.Choice:
    """What makes no sense is not asked for."""
    before, event, status = (request.GET.get(name, "") for name in ("before", "event", "status"))
    is_number = before.isascii() and before.isdigit() and len(before) < DIGITS
    return deliveries_board.Choice(
        before=int(before) if is_number else None,
        event=event if event.isprintable() and len(event) <= EVENT_MAX else "",
        status=status if status in deliveries_board.FILTERS else "",
    )


@deed
def replay(request: Request, name: str, delivery_id: int) -> HttpResponse:
    delivery = get_object_or_404(Delivery, app__name=name, pk=delivery_id)
    actions.replay_delivery(delivery, by=request.actor)
    messages.success(request, f"The delivery {delivery.guid} is handled again.")
    return redirect("deliveries", name=name)
