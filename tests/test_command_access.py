"""Signing in, choosing the app, listing: the command as a person runs it."""

import json
import stat
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from deployer.command.output import ago, table
from tests.web_server import PASSWORD, WebServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    server = WebServer(tmp_path_factory.mktemp("home"))
    server.start()
    server.behind("actions.create_app('shop', by=policy.SYSTEM)")
    yield server
    server.close()


@pytest.fixture
def nobody(tmp_path: Path) -> dict[str, str]:
    """The environment of somebody who has not signed in anywhere."""
    return {"DEPLOYER_URL": "", "DEPLOYER_TOKEN": "", "XDG_CONFIG_HOME": str(tmp_path / "config")}


def test_login_with_name_and_password_then_logout(server: WebServer, nobody: dict[str, str]) -> None:
    assert server.command("apps", **nobody).returncode == 2
    done = server.command("login", server.url + "/", "--name", "ann", typed=PASSWORD + "\n", **nobody)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"Signed in at {server.url} as ann (administrator).\n"
    kept = Path(nobody["XDG_CONFIG_HOME"]) / "deployer" / "login.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    token = json.loads(kept.read_text())["logins"][server.url]["token"]
    assert token not in done.stdout + done.stderr
    assert "shop" in server.command("apps", **nobody).stdout

    assert server.command("logout", "--revoke", **nobody).returncode == 0
    assert server.command("apps", **nobody).returncode == 2
    stale = server.command("apps", **{**nobody, "DEPLOYER_URL": server.url, "DEPLOYER_TOKEN": token})
    assert stale.returncode == 1 and "deployer login" in stale.stderr


def test_a_wrong_password_keeps_nothing(server: WebServer, nobody: dict[str, str]) -> None:
    refused = server.command("login", server.url, "--name", "ann", typed="guess\n", **nobody)
    assert refused.returncode == 1 and "Name or password is wrong." in refused.stderr
    bare = server.url.removeprefix("http://")  # on this machine it is http
    revoked = server.command("login", bare, "--token", "-", typed="deployer_0123456789_x\n", **nobody)
    assert revoked.returncode == 1 and f"{server.url}: this token is not good" in revoked.stderr
    assert not (Path(nobody["XDG_CONFIG_HOME"]) / "deployer" / "login.json").exists()


def test_the_app_comes_from_option_environment_or_file(server: WebServer, tmp_path: Path) -> None:
    below = tmp_path / "deep" / "down"
    below.mkdir(parents=True)
    assert server.command("releases", cwd=below).returncode == 2
    for ways in (["releases", "-a", "shop"], ["releases", "--app", "shop", "list"], ["releases", "list", "-a", "shop"]):
        assert server.command(*ways, cwd=below).returncode == 0
    assert server.command("releases", cwd=below, DEPLOYER_APP="shop").returncode == 0
    (tmp_path / ".deployer-app").write_text("shop\n")
    assert server.command("releases", cwd=below).returncode == 0
    for ways in (["apps", "info", "shop"], ["apps", "info", "-a", "shop"], ["apps", "info"]):
        shown = server.command(*ways, cwd=below)
        assert "http://shop.localhost:8001" in shown.stdout, shown.stderr


@pytest.mark.parametrize("noun", ["apps", "builds", "releases", "rollouts", "env"])
def test_every_listing_as_json(server: WebServer, noun: str) -> None:
    app = [] if noun == "apps" else ["-a", "shop"]
    for ways in ([noun, *app, "--json"], [noun, "list", *app, "--json"], [noun, *app, "--json", "list"]):
        listed = server.command(*ways)
        assert listed.returncode == 0, listed.stderr
        assert isinstance(json.loads(listed.stdout), dict if noun == "env" else list)


def test_deleting_asks_for_the_name(server: WebServer) -> None:
    server.behind("actions.create_app('doomed', by=policy.SYSTEM)")
    kept = server.command("apps", "delete", "doomed", typed="shop\n")
    assert kept.returncode == 1 and "nothing was deleted" in kept.stderr
    nobody_there = server.command("apps", "delete", "doomed")
    assert nobody_there.returncode == 1 and "--yes does without" in nobody_there.stderr
    assert "doomed" in server.command("apps", "-q").stdout.split()


def test_an_abandoned_app_goes_and_what_it_leaves_is_said(server: WebServer) -> None:
    """There is no cluster here: it counts as one that won't come back."""
    server.behind("actions.create_app('ghost', by=policy.SYSTEM)")
    kept = server.command("apps", "delete", "ghost", "--yes")
    assert kept.returncode == 1 and "kubeconfig can't be read" in kept.stderr
    gone = server.command("apps", "delete", "ghost", "--yes", "--abandon")
    assert gone.returncode == 0 and "Namespace deployer-ghost, with what is in it, was left behind" in gone.stderr
    assert "ghost" not in server.command("apps", "-q").stdout.split()


def test_a_token_does_not_follow_a_redirect(server: WebServer) -> None:
    asked: list[str | None] = []

    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(302)
            self.send_header("Location", f"http://localhost:{self.server.server_port}/stolen")  # type: ignore[attr-defined]
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    trap = HTTPServer(("127.0.0.1", 0), Elsewhere)
    threading.Thread(target=trap.serve_forever, daemon=True).start()
    ended = server.command("apps", DEPLOYER_URL=f"http://127.0.0.1:{trap.server_port}")
    trap.shutdown()
    trap.server_close()
    assert ended.returncode == 4 and "sends us on" in ended.stderr
    assert asked == ["/api/apps?limit=200"]


def test_tables_and_times() -> None:
    assert table(["ID", "STATUS"], [["RABC", "active"], ["R\x1b[2J", ""]]) == "ID    STATUS\nRABC  active\nR[2J"
    assert ago("2020-01-01T00:00:00Z").endswith("years ago")
