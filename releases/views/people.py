"""People, for administrators: all of them, one, a new one."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from releases import actions, policy
from releases.errors import DeployerError
from releases.forms import NewPersonForm, PersonForm
from releases.models import Person, Token
from releases.pages.people import people_page
from releases.views.door import Request, deed, form_page, status_of

NUMBER_MAX = 2**63 - 1


@form_page
def index(request: Request) -> HttpResponse:
    """All of them, and the form for a new one, whose page is shown with the link that signs them in."""
    if request.method != "POST":
        return _list(request)
    form = NewPersonForm(request.POST)
    if not form.is_valid():
        return _list(request, form=form, status=422)
    try:
        person = actions.create_person(**form.cleaned_data, by=request.actor)
        link = actions.sign_in_link(person, by=request.actor)
    except DeployerError as error:
        form.add_error(None, error.message)
        return _list(request, form=form, status=status_of(error))
    return _one(request, person.pk, link=link)


@form_page
def detail(request: Request, person_id: int) -> HttpResponse:
    """One of them, and the form of role and address; a refusal is written above the fields."""
    person = _found(request, person_id)
    if request.method != "POST":
        return _one(request, person_id)
    form = PersonForm(request.POST, person=person)
    status = 422
    if form.is_valid():
        try:
            actions.change_person(person, by=request.actor, **form.cleaned_data)
        except DeployerError as error:
            form.add_error(None, error.message)
            status = status_of(error)
        else:
            messages.success(request, f"{person.username} is changed.")
            return redirect("person", person_id)
    return _one(request, person_id, form=form, status=status)


@deed
def let_in(request: Request, person_id: int) -> HttpResponse:
    person = actions.change_person(_found(request, person_id), is_active=True, by=request.actor)
    messages.success(request, f"{person.username} may come in again.")
    return redirect("person", person_id)


@deed
def shut_out(request: Request, person_id: int) -> HttpResponse:
    person = actions.change_person(_found(request, person_id), is_active=False, by=request.actor)
    messages.success(request, f"{person.username} is shut out: their sessions and tokens open nothing.")
    return redirect("person", person_id)


@deed
def link(request: Request, person_id: int) -> HttpResponse:
    """The page with the link on it: the only time that it is seen."""
    person = _found(request, person_id)
    return _one(request, person_id, link=actions.sign_in_link(person, by=request.actor))


@deed
def unlock(request: Request, person_id: int) -> HttpResponse:
    person = _found(request, person_id)
    actions.unlock_person(person, by=request.actor)
    messages.success(request, f"{person.username} may try again at once.")
    return redirect("person", person_id)


@deed
def revoke_token(request: Request, person_id: int, prefix: str) -> HttpResponse:
    token = get_object_or_404(Token, prefix=prefix, person=_found(request, person_id))
    actions.revoke_token(token, by=request.actor)
    messages.success(request, f"{token.name} of {token.person.username} opens nothing any more.")
    return redirect("person", person_id)


def _list(request: Request, *, form: NewPersonForm | None = None, status: int = 200) -> HttpResponse:
    refusals = policy.refusals("manage_people", by=request.actor)
    context: dict[str, Any] = {"here": "people", "refusals": refusals, "form": form or NewPersonForm()}
    if refusals:
        return render(request, "people.html", context, status=403)
    context |= people_page.list_context(request.GET.get("q", ""), request.GET.get("after", ""))
    return render(request, "people.html", context, status=status)


def _one(
    request: Request, person_id: int, *, form: PersonForm | None = None, link: str = "", status: int = 200
) -> HttpResponse:
    shown = people_page.context(person_id)
    context = {**shown, "here": "people", "form": form or PersonForm(person=shown["person"]), "link": link}
    response = render(request, "person.html", context, status=status)
    response.headers["Cache-Control"] = "no-store"
    return response


def _found(request: Request, person_id: int) -> Person:
    """Who may not manage people is not told who there is."""
    policy.require("manage_people", by=request.actor)
    if person_id > NUMBER_MAX:
        raise Http404
    return get_object_or_404(Person, pk=person_id)
