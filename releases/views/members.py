"""Members of an app."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from releases import actions, policy
from releases.errors import DeployerError
from releases.forms import MemberForm
from releases.models import App, Person
from releases.pages.people import members_page
from releases.views.door import Request, deed, form_page, status_of

NUMBER_MAX = 2**63 - 1


@form_page
def index(request: Request, name: str) -> HttpResponse:
    """Who may do what, and the form that gives somebody a role here."""
    app = get_object_or_404(App, name=name)
    form = MemberForm(request.POST or None)
    status = 200
    if request.method == "POST":
        status = _set(request, app, form)
        if status == 200:
            return redirect("app-members", name)
    context = {"app": app, "here": "settings", "section": "members", "tab": f"Members · {name}", "form": form}
    context |= members_page.context(app, by=request.actor)
    return render(request, "members.html", context, status=status)


@deed
def remove(request: Request, name: str, person_id: int) -> HttpResponse:
    app = get_object_or_404(App, name=name)
    if person_id > NUMBER_MAX:
        raise Http404
    person = get_object_or_404(Person, pk=person_id)
    actions.remove_member(app, person, by=request.actor)
    messages.success(request, f"{person.username} is no member of {name} any more.")
    return redirect("app-members", name)


def _set(request: Request, app: App, form: MemberForm) -> int:
    """The status of the answer; 200 if it is done."""
    policy.require("manage_members", by=request.actor, app=app)
    if not form.is_valid():
        return 422
    username, role = form.cleaned_data["username"], form.cleaned_data["role"]
    person = Person.objects.filter(username=username).first()
    if person is None:
        form.add_error("username", f"There is nobody named {username}.")
        return 422
    try:
        actions.set_member(app, person, role, by=request.actor)
    except DeployerError as error:
        form.add_error(None, error.message)
        return status_of(error)
    messages.success(request, f"{person.username} is {role} of {app.name}.")
    return 200
