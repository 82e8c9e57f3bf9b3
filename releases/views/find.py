"""Find anything by a few words: the page, and the list that the palette shows."""

from django.http import HttpResponse
from django.shortcuts import render

from releases.pages import find
from releases.views.door import Request, page

ASKED_MAX = 200


@page
def index(request: Request) -> HttpResponse:
    """`q`: the words; `app`: the app whose page one is on. The palette asks as htmx does, and gets the list alone."""
    asked, here = request.GET.get("q", "")[:ASKED_MAX], request.GET.get("app", "")[:ASKED_MAX].replace("\x00", "")
    palette = bool(request.headers.get("HX-Request"))
    context = {"asked": asked.replace("\x00", ""), "groups": find.found(asked, by=request.actor, here=here)}
    return render(request, "found.html" if palette else "find.html", {**context, "palette": palette})
