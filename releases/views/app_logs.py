"""What an app's processes write."""

from collections.abc import AsyncIterator
from contextlib import aclosing

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render

from releases import actions, policy
from releases.errors import DeployerError
from releases.models import App
from releases.models.storable import storable
from releases.pages.output_window import OutputWindow, still
from releases.views.door import Request, page

RAW_LINES = 5000
QUIET_SECONDS = 5.0
NAME_MAX = 300


@page
def output(request: Request, name: str) -> HttpResponse:
    """`?service=`, `?process=`, or `?stream=` as the lines name them; with `?still` the last lines as they are now."""
    app = _app(request, name)
    window = OutputWindow(app, *_chosen(request))
    if "still" in request.GET:
        window = still(window, by=request.actor)
    return render(request, "app_logs.html", {"app": app, "here": "logs", "log": window, "tab": f"Logs · {app.name}"})


@page
def raw(request: Request, name: str) -> HttpResponseBase:
    """The last lines that the cluster has, as text."""
    app = _app(request, name)
    service, process = _chosen(request)
    wanted = actions.app_log(app, by=request.actor, service=service, process=process, lines=RAW_LINES)
    response = StreamingHttpResponse(_text(wanted), content_type="text/plain; charset=utf-8")
    response.headers["Content-Disposition"] = f'inline; filename="{app.name}.log"'
    return response


def _app(request: Request, name: str) -> App:
    policy.require("view", by=request.actor)
    apps = App.objects.select_related("cluster", "active_release")
    return get_object_or_404(apps.defer("cluster__kubeconfig", "active_release__env"), name=name)


def _chosen(request: Request) -> tuple[str, str]:
    """The service and the process, "" for all."""
    service, process, stream = (
        storable(request.GET.get(name, ""))[:NAME_MAX] for name in ("service", "process", "stream")
    )
    if not stream:
        return service, process
    kind, _, rest = stream.partition("/")
    first, _, last = rest.partition("/")
    return (first, last) if kind == "service" else ("", last or first or kind)


async def _text(wanted: actions.AppLog) -> AsyncIterator[bytes]:
    try:
        async with aclosing(wanted.parts(QUIET_SECONDS)) as parts:
            async for part in parts:
                yield "".join("{time} {stream} {message}\n".format(**said.content) for said in part).encode()
    except DeployerError as error:
        yield f"{error.message}\n".encode()
