"""What the words, the signs and the keys mean; what each finding of a diagnosis means."""

from django.http import HttpResponse
from django.shortcuts import render

from releases.pages import diagnostics_page, status
from releases.views.door import Request, page

KINDS = (("An app", status.APP), ("A build", status.BUILD), ("A rollout", status.ROLLOUT))


@page
def index(request: Request) -> HttpResponse:
    kinds = [(name, list(signs.values())) for name, signs in KINDS]
    return render(request, "words.html", {"kinds": kinds, "here": "words"})


@page
def diagnostics(request: Request) -> HttpResponse:
    """Each has its code as anchor."""
    context = {"chapters": diagnostics_page.made(), "severities": status.SEVERITY, "here": "words"}
    return render(request, "diagnostics.html", context)
