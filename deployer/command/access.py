"""`login`, `logout`, `version`: which server, and as whom."""

import getpass
import socket
import sys
from typing import Annotated

import typer

import deployer
from deployer import login_file
from deployer.command.failure import USAGE, Failure
from deployer.command.output import complain, say
from deployer.command.server import LOOPBACK, Server, connect


def login(
    url: Annotated[str, typer.Argument(help="The server's address.")],
    name: Annotated[str, typer.Option("--name", "-u", help="Your name there; asked for if it is not given.")] = "",
    token: Annotated[str, typer.Option("--token", help="A token, instead of name and password.")] = "",
) -> None:
    """Sign in at a server and remember it. The password is asked for, or read from standard input."""
    url = login_file.plain_url(url if "://" in url else f"https://{url}").removesuffix("/api")
    if url.startswith("http://") and Server(url).http.base_url.host not in LOOPBACK:
        complain("Careful: over http everybody on the way can read what you send.")
    secret = token or _new_token(url, name)
    who = Server(url, secret).get("/server")
    login_file.remember(url, secret)
    say(f"Signed in at {url} as {who['person']} ({who['role']}).")


def _new_token(url: str, name: str) -> str:
    asked = sys.stdin.isatty()
    if not name:
        if not asked:
            raise Failure("Who are you? Give --name.", status=USAGE)
        name = typer.prompt("Name", default=_user(), err=True)
    password = getpass.getpass("Password: ") if asked else sys.stdin.readline().rstrip("\n")
    credentials = {"username": name, "password": password, "name": f"deployer on {socket.gethostname()}"[:100]}
    return Server(url).post("/tokens", credentials)["token"]


def logout(
    url: Annotated[str | None, typer.Argument(help="The server; the current one if none is named.")] = None,
    revoke: Annotated[bool, typer.Option("--revoke", help="Also make the token worthless everywhere.")] = False,
) -> None:
    """Forget the login of a server."""
    known = login_file.read().find(url)
    if known is None:
        raise Failure(f"There is no login for {url}." if url else "There is no login.")
    if revoke:
        Server(known.url, known.token).delete(f"/tokens/{known.token.split('_')[1]}")
    login_file.forget(known.url)
    say(f"Signed out at {known.url}.")


def version() -> None:
    """Print the versions of this command and of the server."""
    say(f"command  {deployer.__version__}")
    server = connect()
    say(f"server   {server.get('/server')['version']}  {server.url}")


def _user() -> str | None:
    """Who the machine says you are; a container's user need not have a name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return None
