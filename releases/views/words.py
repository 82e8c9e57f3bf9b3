"""What the words, the signs and the keys mean."""

from django.http import HttpResponse
from django.shortcuts import render

from releases.pages import status
from releases.views.door import Request, page

KINDS = (("An app", status.APP), ("A build", status.BUILD), ("A rollout", status.ROLLOUT))


@page
def index(request: Request) -> HttpResponse:
    kinds = [(name, list(signs.values())) for name, signs in KINDS]
    return render(request, "words.html", {"kinds": kinds, "here": "words"})
