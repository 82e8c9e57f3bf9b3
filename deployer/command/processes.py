"""`ps`: list, restart, stop one; and `scale`."""

import re
import time
from typing import Annotated, Any

import typer

from deployer.command.failure import FAILED, USAGE, Failure
from deployer.command.follow import PATIENCE
from deployer.command.listing import show_list
from deployer.command.options import (
    AppOption,
    JsonOption,
    NoWaitOption,
    QuietOption,
    app_name,
    app_path,
    remember,
    segment,
    wants_json,
)
from deployer.command.output import ago, say_json, step
from deployer.command.server import Server, connect

group = typer.Typer(rich_markup_mode=None, add_completion=False)
WANTED = re.compile(r"([A-Za-z0-9-]{1,63})=([0-9]{1,6})\Z")
LOOK_SECONDS = 0.5
HEADERS = ["ID", "SERVICE", "RELEASE", "STATUS", "RESTARTS", "STARTED", "NODE", "REASON"]
NOTHING_RUNS = "Nothing runs: `deployer deploy` changes that."
RESTART_SECONDS = 600


@group.callback(invoke_without_command=True)
def ps(context: typer.Context, app: AppOption = None, as_json: JsonOption = False, quiet: QuietOption = False) -> None:
    """List the processes that run now, restart them, stop one."""
    remember(context, app=app, json=as_json, quiet=quiet)
    if context.invoked_subcommand is None:
        list_processes(context, app, as_json, quiet)


@group.command("list")
def list_processes(
    context: typer.Context, app: AppOption = None, as_json: JsonOption = False, quiet: QuietOption = False
) -> None:
    """List the processes that run now."""
    path = app_path(context, app)
    show_list(
        context,
        connect().get(f"{path}/processes"),
        as_json=as_json,
        quiet=quiet,
        id="name",
        headers=HEADERS,
        row=_row,
        empty=NOTHING_RUNS,
    )


@group.command("restart")
def restart(
    context: typer.Context,
    services: Annotated[list[str] | None, typer.Argument(metavar="SERVICE…", help="All, if none is named.")] = None,
    app: AppOption = None,
    no_wait: NoWaitOption = False,
    as_json: JsonOption = False,
) -> None:
    """Replace the processes that run by new ones of the same release, as gently as a rollout does.

    Done when none of the old ones is left.
    """
    server, path, as_json = connect(), app_path(context, app), wants_json(context, as_json)
    with step(f"Restarting {', '.join(services or []) or 'all services'}", quiet=as_json):
        before = {each["name"] for each in server.get(f"{path}/processes")}
        started = server.post(f"{path}/restart", {"services": services} if services else {})
        if not no_wait:
            _wait_until_new(server, path, started["services"], before)
    if as_json:
        say_json(started)


@group.command("stop")
def stop(
    context: typer.Context,
    process: Annotated[str, typer.Argument(metavar="ID", help="As `deployer ps` lists it.")],
    app: AppOption = None,
    as_json: JsonOption = False,
) -> None:
    """Stop one process; of a service, another one takes its place."""
    path, as_json = app_path(context, app), wants_json(context, as_json)
    with step(f"Stopping {process}", quiet=as_json):
        connect().delete(f"{path}/processes/{_process(process)}")
    if as_json:
        say_json({"stopped": process})


def scale(
    context: typer.Context,
    wanted: Annotated[list[str] | None, typer.Argument(metavar="SERVICE=COUNT…")] = None,
    app: AppOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run so many processes of a service, now and in later releases: `scale web=3`. Without: list how many run."""
    if not wanted:
        _list_counts(context, app, as_json)
        return
    counts = {}
    for text in wanted:
        match = WANTED.match(text)
        if match is None:
            raise Failure(f"“{text}” is no SERVICE=COUNT with a whole number from 0: web=3, say.", status=USAGE)
        counts[match[1]] = int(match[2])
    server, name = connect(), app_name(context, app)
    scaled = []
    for service, count in counts.items():
        with step(f"Scaling {service} to {count}", quiet=as_json):
            scaled.append(server.put(f"/apps/{name}/services/{service}/scale", {"count": count}))
    if as_json:
        say_json(scaled)


def _list_counts(context: typer.Context, app: str | None, as_json: bool) -> None:
    found = connect().get(app_path(context, app))
    if found["processes"] is None:
        raise Failure(f"How many run is not known: {found['cluster']}")
    show_list(
        context,
        found["processes"],
        as_json=as_json,
        quiet=False,
        id="service",
        headers=["SERVICE", "READY", "PROCESSES"],
        row=lambda each: [each["service"], str(each["ready"]), str(each["total"])],
        empty=NOTHING_RUNS,
    )


def _wait_until_new(server: Server, path: str, services: list[str], before: set[str]) -> None:
    """Until no process from before is left. Raises Failure when a new one can't run, or it takes too long."""
    deadline = time.monotonic() + RESTART_SECONDS
    while True:
        found = [each for each in server.get(f"{path}/processes", patience=PATIENCE) if each["service"] in services]
        ours = [each for each in found if each["kind"] == "service"]
        for each in ours:
            if each["state"] == "broken" and each["name"] not in before:
                raise Failure(f"{each['name']} is {each['words']}. The old processes that are left go on.")
        waited_for = [each["name"] for each in ours if each["name"] in before or each["state"] != "ready"]
        if not waited_for:
            return
        if time.monotonic() > deadline:
            names = ", ".join(waited_for)
            raise Failure(
                f"It is not through after {RESTART_SECONDS} s, and goes on. Waited for: {names}", status=FAILED
            )
        time.sleep(LOOK_SECONDS)


def _row(process: dict[str, Any]) -> list[str]:
    return [
        process["name"],
        process["service"] if process["kind"] == "service" else f"{process['service']} ({process['kind']})",
        process["release"],
        process["state"],
        str(process["restarts"]),
        ago(process["started"] or process["created"]),
        process["node"],
        process["reason"],
    ]


def _process(name: str) -> str:
    """Names of pods may hold dots."""
    for part in name.split("."):
        segment(part)
    return name
