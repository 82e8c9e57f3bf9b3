"""`source`: the repository that an app is built from, and what a push to it does."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from deployer.command.confirm import YesOption, confirm
from deployer.command.failure import USAGE, Failure
from deployer.command.options import AppOption, JsonOption, app_name, app_path, remember, wants_json
from deployer.command.output import ago, complain, facts, say, say_json, step
from deployer.command.secret import read_secret
from deployer.command.server import connect

group = typer.Typer(rich_markup_mode=None, add_completion=False)


class OnPush(StrEnum):
    nothing = "nothing"
    build = "build"
    promote = "promote"


def _file(option: str, what: str) -> Any:
    return typer.Option(option, metavar="FILE", help=f"{what}; - reads stdin.")


@group.callback(invoke_without_command=True)
def source(context: typer.Context, app: AppOption = None, as_json: JsonOption = False) -> None:
    """Show, connect, disconnect the repository of an app."""
    remember(context, app=app, json=as_json)
    if context.invoked_subcommand is None:
        show(context, app, as_json)


@group.command("show")
def show(context: typer.Context, app: AppOption = None, as_json: JsonOption = False) -> None:
    """Show an app's repository, what a push does, and whether it can be reached. No secret is shown."""
    found = connect().get(f"{app_path(context, app)}/source")
    if wants_json(context, as_json):
        say_json(found)
    else:
        say(facts(_pairs(found)))


@group.command("connect")
def connect_source(
    context: typer.Context,
    url: Annotated[str, typer.Argument(metavar="URL", help="https://… or ssh://…, or git@HOST:PATH.")],
    app: AppOption = None,
    branch: Annotated[str, typer.Option("--branch", metavar="BRANCH", help="Pushes to it count.")] = "main",
    on_push: Annotated[OnPush, typer.Option("--on-push", metavar="WHAT", help="nothing, build or promote.")] = (
        OnPush.build
    ),
    wait_for_checks: Annotated[
        bool, typer.Option("--wait-for-checks", help="Promote only once GitHub's checks of the commit are green.")
    ] = False,
    build_tags: Annotated[bool, typer.Option("--build-tags", help="Build pushed tags, too.")] = False,
    build_pull_requests: Annotated[
        bool, typer.Option("--build-pull-requests", help="Build pull requests, but not those of forks.")
    ] = False,
    token: Annotated[str, _file("--token-file", "A token that may read it over https")] = "",
    token_username: Annotated[str, typer.Option("--token-username", metavar="NAME", help="Where one is asked.")] = "",
    deploy_key: Annotated[str, _file("--key-file", "A private key that may read it over ssh")] = "",
    known_hosts: Annotated[str, _file("--known-hosts-file", "Lines of known_hosts for it")] = "",
    as_json: JsonOption = False,
) -> None:
    """Connect an app to a repository, or change what a push to it does.

    What is not named is as by default; a token and a key stay, as long as the address does. The webhook's secret is
    printed when the app is connected: this once.
    """
    files = {"token": token, "deploy_key": deploy_key, "known_hosts": known_hosts}
    if list(files.values()).count("-") > 1:
        raise Failure("Only one of them can be read from stdin.", status=USAGE)
    wanted: dict[str, Any] = {
        "url": url,
        "branch": branch,
        "on_push": on_push.value,
        "wait_for_checks": wait_for_checks,
        "build_tags": build_tags,
        "build_pull_requests": build_pull_requests,
        "token_username": token_username,
    }
    path, as_json = f"{app_path(context, app)}/source", wants_json(context, as_json)
    wanted |= {name: read_secret(place, what=name.replace("_", " ")) for name, place in files.items() if place}
    with step("Connecting", quiet=as_json):
        made = connect().put(path, wanted)
    _say_secret(made, as_json=as_json)


@group.command("disconnect")
def disconnect(
    context: typer.Context, app: AppOption = None, yes: YesOption = False, as_json: JsonOption = False
) -> None:
    """Have Deployer forget an app's repository: pushes do nothing any more. Builds and releases stay."""
    target, as_json = app_name(context, app), wants_json(context, as_json)
    warning = f"This has Deployer forget the repository of {target}, its token, key and webhook's secret."
    confirm(target, yes=yes, warning=warning, otherwise="nothing was disconnected")
    with step("Disconnecting", quiet=as_json):
        connect().delete(f"/apps/{target}/source")
    if as_json:
        say_json({"disconnected": target})


@group.command("resume")
def resume(context: typer.Context, app: AppOption = None, as_json: JsonOption = False) -> None:
    """Promote the next push by itself again, after a rollback or an abort has stopped that."""
    path, as_json = app_path(context, app), wants_json(context, as_json)
    with step("Resuming", quiet=as_json):
        found = connect().post(f"{path}/source/resume")
    if as_json:
        say_json(found)


@group.command("secret")
def secret(context: typer.Context, app: AppOption = None, as_json: JsonOption = False) -> None:
    """Make a new secret for the webhook, and print it: this once. The old one is void at once."""
    path, as_json = app_path(context, app), wants_json(context, as_json)
    _say_secret(connect().post(f"{path}/source/secret"), as_json=as_json)


def _say_secret(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        say_json(found)
    elif found["webhook_secret"]:
        complain(f"Give GitHub this secret, and the address {found['webhook_url']}. It is not shown again.")
        say(found["webhook_secret"])


def _pairs(found: dict[str, Any]) -> list[tuple[str, str]]:
    also = [name for name, key in (("tags", "build_tags"), ("pull requests", "build_pull_requests")) if found[key]]
    secrets = [name for name, key in (("token", "has_token"), ("deploy key", "has_deploy_key")) if found[key]]
    stopped = " ".join(filter(None, [ago(found["stopped"]), f"by {found['stopped_by']}:", found["stopped_why"]]))
    return [
        ("App", found["app"]),
        ("Repository", found["url"]),
        ("Known as", found["repository"]),
        ("Branch", found["branch"]),
        ("On push", found["on_push"] + (", once its checks are green" if found["wait_for_checks"] else "")),
        ("Also builds", ", ".join(also)),
        ("Stopped", stopped if found["stopped"] else ""),
        ("Secrets", ", ".join(secrets)),
        ("Webhook", found["webhook_url"]),
        ("Head", found["head"]),
        ("Looked", ago(found["looked"])),
        ("Problem", found["problem"]),
        ("Since", ago(found["problem_since"])),
        ("Hint", found["hint"]),
        ("By", found["by"]),
    ]
