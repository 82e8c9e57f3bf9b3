"""The clusters, one of them, a new one; try it, change it, remove it."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from releases import actions, policy
from releases.errors import DeployerError
from releases.forms import ClusterForm, NewClusterForm
from releases.models import Cluster
from releases.models.cluster import KUBECONFIG
from releases.pages import board_for, clusters_board
from releases.views.door import Request, deed, page, status_of

SECRET = ("kubeconfig",)


@page
def index(request: Request) -> HttpResponse:
    board = board_for("clusters", by=request.actor)
    refusals = policy.refusals("manage_clusters", by=request.actor)
    return render(
        request, "clusters.html", {"board": board, "here": "clusters", "manage_refusals": refusals, **board.context}
    )


@page
def detail(request: Request, cluster_name: str) -> HttpResponse:
    return _drawn(request, _cluster(cluster_name))


@sensitive_post_parameters(*SECRET)
@login_required
@never_cache
def new(request: Request) -> HttpResponse:
    """The form, and what it sends. A refusal is written above the fields; what was pasted is not sent back."""
    form = NewClusterForm(request.POST or None)
    status = 200
    if request.method == "POST" and form.is_valid():
        try:
            row = actions.create_cluster(**form.cleaned_data, by=request.actor)
        except DeployerError as error:
            form.add_error(None, error.message)
            status = status_of(error)
        else:
            messages.success(request, f"{row.name} is known. Test it: that tells whether all rights are there.")
            return redirect(row)
    elif request.method == "POST":
        status = 422
    refusals = policy.refusals("manage_clusters", by=request.actor)
    context = {"form": _forgetful(form), "refusals": refusals, "here": "clusters"}
    return render(request, "cluster_new.html", context, status=status)


@sensitive_post_parameters(*SECRET)
@login_required
@never_cache
def change(request: Request, cluster_name: str) -> HttpResponse:
    row = _cluster(cluster_name)
    if request.method != "POST":
        return redirect(row)
    form = _form(row, request.POST)
    status = 422
    if form.is_valid():
        try:
            actions.change_cluster(row, **_given(form, row), by=request.actor)
        except DeployerError as error:
            form.add_error(None, error.message)
            status = status_of(error)
        else:
            messages.success(request, f"{row.name} is changed.")
            return redirect(row)
    return _drawn(request, row, form=form, status=status)


@deed
def test(request: Request, cluster_name: str) -> HttpResponse:
    """The same page with what was found."""
    row = _cluster(cluster_name)
    seen, findings = actions.test_cluster(row, by=request.actor)
    return _drawn(request, _cluster(cluster_name), tested=clusters_board.tested(seen, findings))


@deed
def remove(request: Request, cluster_name: str) -> HttpResponse:
    row = _cluster(cluster_name)
    actions.remove_cluster(row, by=request.actor)
    messages.success(request, f"Deployer has forgotten {row.name}. Nothing in it was touched.")
    return redirect("clusters")


def _drawn(
    request: Request, row: Cluster, *, form: ClusterForm | None = None, tested: Any = None, status: int = 200
) -> HttpResponse:
    board = board_for(f"cluster.{row.name}", by=request.actor)
    form = _forgetful(form or _form(row, None))
    context = {"board": board, "here": "clusters", "form": form, "tested": tested, **board.context}
    response = render(request, "cluster.html", context, status=status)
    response.headers["Cache-Control"] = "no-store"
    return response


def _form(row: Cluster, data: Any) -> ClusterForm:
    """With the kubeconfig left blank, which means that it stays."""
    names = ("ingress_class", "certificate_issuer", "storage_class", "is_default")
    form = ClusterForm(data, initial={name: getattr(row, name) for name in names})
    if row.kind == KUBECONFIG:
        form.fields["kubeconfig"].required = False
        form.fields["kubeconfig"].label = "A new kubeconfig"
    else:
        del form.fields["kubeconfig"], form.fields["context"]
    if row.is_default:
        del form.fields["is_default"]  # another one takes its place, or none
    return form


def _given(form: ClusterForm, row: Cluster) -> dict[str, Any]:
    given = dict(form.cleaned_data)
    if not given.get("kubeconfig", "").strip():
        given.pop("kubeconfig", None)
    if not given.get("is_default"):
        given.pop("is_default", None)
    return given


def _forgetful(form: ClusterForm) -> ClusterForm:
    """What was pasted is not written into the page again."""
    if form.is_bound:
        form.data = {**form.data.dict(), "kubeconfig": ""} if isinstance(form.data, QueryDict) else {}
    return form


def _cluster(cluster_name: str) -> Cluster:
    return get_object_or_404(Cluster, name=cluster_name)
