"""`clusters`: list, look, add, change, test, remove."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from deployer.command.confirm import YesOption, confirm
from deployer.command.failure import FAILED, USAGE, Failure
from deployer.command.findings import say_findings
from deployer.command.listing import show_list
from deployer.command.options import JsonOption, QuietOption, remember, segment, wants_json
from deployer.command.output import ago, facts, say, say_json, step
from deployer.command.server import connect

group = typer.Typer(rich_markup_mode=None, add_completion=False)
NameArgument = Annotated[str, typer.Argument(metavar="NAME")]
KubeconfigOption = Annotated[
    str, typer.Option("--kubeconfig", metavar="FILE", help="Its kubeconfig, with all content inline; - reads stdin.")
]
ContextOption = Annotated[str, typer.Option("--context", help="Which context of the kubeconfig.")]
DefaultOption = Annotated[bool, typer.Option("--default", help="New apps live there if they name no cluster.")]
IngressOption = Annotated[str | None, typer.Option("--ingress-class", metavar="NAME")]
IssuerOption = Annotated[
    str | None, typer.Option("--certificate-issuer", metavar="NAME", help="A ClusterIssuer of cert-manager.")
]
StorageOption = Annotated[str | None, typer.Option("--storage-class", metavar="NAME")]
KUBECONFIG_MAX = 256 * 1024


@group.callback(invoke_without_command=True)
def clusters(context: typer.Context, as_json: JsonOption = False, quiet: QuietOption = False) -> None:
    """List clusters, add, change, test, remove."""
    remember(context, json=as_json, quiet=quiet)
    if context.invoked_subcommand is None:
        list_clusters(context, as_json, quiet)


@group.command("list")
def list_clusters(context: typer.Context, as_json: JsonOption = False, quiet: QuietOption = False) -> None:
    """List the clusters."""
    show_list(
        context,
        connect().get("/clusters"),
        as_json=as_json,
        quiet=quiet,
        id="name",
        headers=["CLUSTER", "KIND", "VERSION", "STATE", "APPS", "PROBLEM"],
        row=_row,
        empty="No clusters yet: `deployer clusters add` makes the first known.",
    )


@group.command("info")
def info(context: typer.Context, name: NameArgument, as_json: JsonOption = False) -> None:
    """Show one cluster."""
    found = connect().get(f"/clusters/{segment(name)}")
    if wants_json(context, as_json):
        say_json(found)
        return
    pairs = [
        ("Name", found["name"]),
        ("Kind", _kind(found)),
        ("State", found["state"]),
        ("Problem", found["problem"]),
        ("Since", ago(found["problem_since"])),
        ("Hint", found["hint"]),
        ("Version", found["version"]),
        ("Checked", ago(found["checked"])),
        ("Default", "yes" if found["is_default"] else "no"),
        ("Ingress class", found["ingress_class"]),
        ("Issuer", found["certificate_issuer"]),
        ("Storage class", found["storage_class"]),
        ("Apps", str(found["apps"])),
        ("Created", ago(found["created"])),
        ("By", found["by"]),
    ]
    say(facts(pairs))


@group.command("add")
def add(
    context: typer.Context,
    name: NameArgument,
    kubeconfig: KubeconfigOption = "",
    context_name: ContextOption = "",
    in_cluster: Annotated[
        bool, typer.Option("--in-cluster", help="The one that Deployer itself runs in: by its service account.")
    ] = False,
    default: DefaultOption = False,
    ingress_class: IngressOption = None,
    certificate_issuer: IssuerOption = None,
    storage_class: StorageOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a cluster known, by a kubeconfig."""
    if bool(kubeconfig) == in_cluster:
        raise Failure("Say how it is reached: --kubeconfig FILE, or --in-cluster.", status=USAGE)
    wanted = _parts(ingress_class, certificate_issuer, storage_class) | {"name": name, "is_default": default}
    if in_cluster:
        wanted["kind"] = "in_cluster"
    else:
        wanted |= {"kubeconfig": _read(kubeconfig), "context": context_name}
    server = connect()
    if wants_json(context, as_json):
        say_json(server.post("/clusters", wanted))
        return
    with step(f"Adding {name}"):
        server.post("/clusters", wanted)
    say(f"Try it with `deployer clusters test {name}`.")


@group.command("change")
def change(
    context: typer.Context,
    name: NameArgument,
    kubeconfig: KubeconfigOption = "",
    context_name: ContextOption = "",
    default: DefaultOption = False,
    ingress_class: IngressOption = None,
    certificate_issuer: IssuerOption = None,
    storage_class: StorageOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change how a cluster is reached, or what it is asked for. "" takes a class or issuer away."""
    changes = _parts(ingress_class, certificate_issuer, storage_class)
    if kubeconfig:
        changes |= {"kubeconfig": _read(kubeconfig), "context": context_name}
    if default:
        changes["is_default"] = True
    if not changes:
        raise Failure("Say what is to change: see --help.", status=USAGE)
    server, path = connect(), f"/clusters/{segment(name)}"
    if wants_json(context, as_json):
        say_json(server.patch(path, changes))
        return
    with step(f"Changing {name}"):
        server.patch(path, changes)


@group.command("test")
def test(context: typer.Context, name: NameArgument, as_json: JsonOption = False) -> None:
    """Ask a cluster now, and for each right that Deployer needs there."""
    found = connect().post(f"/clusters/{segment(name)}/test")
    if wants_json(context, as_json):
        say_json(found)
    else:
        say_findings(found)
    if not found["ok"]:
        raise Failure(found["problem"] or f"Deployer lacks rights in {name}.", status=FAILED)


@group.command("remove")
def remove(name: NameArgument, yes: YesOption = False) -> None:
    """Have Deployer forget a cluster. Nothing in it is touched."""
    target = segment(name)
    warning = f"This has Deployer forget {target}. Nothing in it is touched."
    confirm(target, yes=yes, warning=warning, otherwise="nothing was removed")
    with step(f"Removing {target}"):
        connect().delete(f"/clusters/{target}")


def _row(each: dict[str, Any]) -> list[str]:
    return [each["name"], _kind(each), each["version"], each["state"], str(each["apps"]), each["problem"]]


def _kind(found: dict[str, Any]) -> str:
    return found["kind"].replace("_", " ")


def _parts(ingress_class: str | None, certificate_issuer: str | None, storage_class: str | None) -> dict[str, Any]:
    given = {
        "ingress_class": ingress_class,
        "certificate_issuer": certificate_issuer,
        "storage_class": storage_class,
    }
    return {name: value for name, value in given.items() if value is not None}


def _read(place: str) -> str:
    """What the file, or stdin, holds."""
    try:
        if place == "-":
            data = sys.stdin.buffer.read(KUBECONFIG_MAX + 1)
        else:
            with Path(place).open("rb") as file:
                data = file.read(KUBECONFIG_MAX + 1)
        text = data.decode()
    except OSError as error:
        raise Failure(f"{place} can't be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise Failure(f"{place} is no kubeconfig: it is not text.") from error
    if len(data) > KUBECONFIG_MAX:
        raise Failure(f"{place} is larger than {KUBECONFIG_MAX // 1024} KiB: that is no kubeconfig.")
    return text
