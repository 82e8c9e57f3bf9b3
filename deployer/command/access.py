"""`login`, `logout`, `whoami`, `version`: which server, and as whom."""

import getpass
import socket
import sys
from typing import Annotated
from urllib.parse import urlsplit

import typer

import deployer
from deployer import login_file
from deployer.command.failure import INTERRUPTED, USAGE, Failure
from deployer.command.options import JsonOption
from deployer.command.output import ago, complain, facts, say, say_json
from deployer.command.server import LOOPBACK, Server, connect
from deployer.command.terminal import ask


def login(
    url: Annotated[
        str,
        typer.Argument(metavar="URL", help="The server's address. Without a scheme it is https, on this machine http."),
    ],
    name: Annotated[str, typer.Option("--name", "-u", help="Your name there; asked for if it is not given.")] = "",
    token: Annotated[
        str, typer.Option("--token", metavar="TOKEN", help="A token, instead of name and password; - reads stdin.")
    ] = "",
) -> None:
    """Sign in at a server and remember it.

    The password is asked for, or read from stdin. DEPLOYER_URL and DEPLOYER_TOKEN go before what is remembered.
    """
    url = login_file.plain_url(_with_scheme(url)).removesuffix("/api")
    if url.startswith("http://") and Server(url).http.base_url.host not in LOOPBACK:
        complain("Careful: over http everybody on the way can read what you send.")
    typed = token == "-"  # noqa: S105
    secret = sys.stdin.readline().strip() if typed else token or _new_token(url, name)
    who = Server(url, secret).get("/me")
    login_file.remember(url, secret)
    say(f"Signed in at {url} as {who['username']} ({who['role']}).")


def _new_token(url: str, name: str) -> str:
    asked = sys.stdin.isatty()
    if not name:
        if not asked:
            raise Failure("Who are you? Give --name.", status=USAGE)
        name = ask("Name", default=_user(), unanswered="Nobody has signed in.")
    password = _typed_password() if asked else sys.stdin.readline().rstrip("\n")
    credentials = {"username": name, "password": password, "name": f"deployer on {socket.gethostname()}"[:100]}
    return Server(url).post("/tokens", credentials)["token"]


def _with_scheme(url: str) -> str:
    """`make up` serves http on this machine; everywhere else a password goes over https."""
    if "://" in url:
        return url
    here = urlsplit(f"//{url}").hostname in LOOPBACK
    return f"{'http' if here else 'https'}://{url}"


def _typed_password() -> str:
    try:
        return getpass.getpass("Password: ")
    except (EOFError, KeyboardInterrupt):
        raise Failure("\nNobody has signed in.", status=INTERRUPTED) from None


def logout(
    url: Annotated[
        str | None, typer.Argument(metavar="[URL]", help="The server; the current one if none is named.")
    ] = None,
    revoke: Annotated[
        bool, typer.Option("--revoke", help="Also make the token worthless everywhere, and those made with it.")
    ] = False,
) -> None:
    """Forget the login of a server."""
    known = login_file.read().find(url)
    if known is None:
        raise Failure(f"There is no login for {url}." if url else "There is no login.")
    if revoke:
        Server(known.url, known.token).delete(f"/tokens/{known.token.split('_')[1]}")
    login_file.forget(known.url)
    say(f"Signed out at {known.url}.")


def whoami(as_json: JsonOption = False) -> None:
    """Show as whom the server knows you, and what you may there."""
    server = connect()
    who = server.get("/me")
    if as_json:
        say_json(who)
        return
    token = who["token"] or {}
    pairs = [
        ("Server", server.url),
        ("Name", who["username"]),
        ("Role", who["role"]),
        ("Scopes", ", ".join(who["scopes"])),
        ("Apps", "all" if who["apps"] is None else ", ".join(who["apps"]) or "none"),
        ("Token", " ".join(filter(None, [token.get("prefix"), token.get("name")]))),
        ("Expires", ago(token.get("expires"))),
    ]
    say(facts(pairs))


def version(as_json: JsonOption = False) -> None:
    """Print the versions of this command and of the server."""
    if not as_json:
        say(f"command  {deployer.__version__}")
    server = connect()
    found = server.get("/server")["version"]
    if as_json:
        say_json({"command": deployer.__version__, "server": found, "url": server.url})
    else:
        say(f"server   {found}  {server.url}")


def _user() -> str | None:
    """Who the machine says you are; a container's user need not have a name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return None
