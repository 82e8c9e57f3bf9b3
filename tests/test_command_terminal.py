"""What only a terminal gets: a question at Ctrl-C, colour, a bar. The test plays the worker, and who sits there."""

import os
import pty
import re
import select
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web_server import WebServer, wait_until

COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class Terminal:
    """A command on a terminal of its own. `screen`: all that came so far."""

    def __init__(self, server: WebServer, *arguments: str, **environment: str) -> None:
        self.screen = ""
        self.side, other = pty.openpty()
        self.process = server.start_command(*arguments, terminal=other, TERM="xterm", COLUMNS="120", **environment)
        os.close(other)

    def shows(self, words: str, *, times: int = 1, seconds: float = 30) -> str:
        deadline = time.monotonic() + seconds
        while COLOUR.sub("", self.screen).count(words) < times:
            assert time.monotonic() < deadline, f"“{words}” did not come:\n{self.screen}"
            if not self._read() and self.process.poll() is not None:
                raise AssertionError(f"it ended without “{words}”:\n{self.screen}")
        return self.screen

    def types(self, text: str) -> None:
        os.write(self.side, text.encode())

    def ended(self) -> int:
        """With its exit status."""
        deadline = time.monotonic() + 30
        while self.process.poll() is None or self._read():
            assert time.monotonic() < deadline, f"it did not end:\n{self.screen}"
            self._read()
        return self.process.returncode

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.side)

    def _read(self) -> bool:
        try:
            if not select.select([self.side], [], [], 0.05)[0]:
                return False
            piece = os.read(self.side, 65536)
        except OSError:  # nobody has the other side any more
            return False
        self.screen += piece.decode(errors="replace").replace("\r\n", "\n")
        return bool(piece)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    server = WebServer(tmp_path_factory.mktemp("home"))
    server.start()
    yield server
    server.close()


@pytest.fixture
def rolling(server: WebServer) -> Iterator[Terminal]:
    """`releases promote` on a terminal, of a rollout that has changed something and logged a line."""
    release = server.behind(
        """
        App.objects.all().delete()
        app = actions.create_app("shop", by=policy.SYSTEM)
        build = Build.objects.create(app=app, status="succeeded", manifest=MANIFEST)
        answer = Release.objects.create(app=app, build=build, manifest=MANIFEST, images={}, env={}).pk
        """
    )
    terminal = Terminal(server, "releases", "promote", release, "-a", "shop")
    wait_until(lambda: server.behind("answer = Rollout.objects.filter(status='queued').exists()"), what="a rollout")
    server.behind(
        """
        rollout = Rollout.take(Rollout.objects.get().pk, 1)
        rollout.transition("rolling")
        logs.append(rollout, [Line("system/k8s/web", "Scaled up")])
        """
    )
    terminal.shows("Scaled up")
    yield terminal
    terminal.close()


def ctrl_c(terminal: Terminal) -> None:
    terminal.types("\x03")
    terminal.shows("Leave it running, or abort it? [L/a]")


def status(server: WebServer) -> str:
    return server.behind("answer = Rollout.objects.get().status")


def test_whoever_presses_ctrl_c_may_leave_it_running(server: WebServer, rolling: Terminal) -> None:
    ctrl_c(rolling)
    rolling.types("\n")
    assert rolling.ended() == 130
    assert "deployer rollouts logs 1 -a shop" in rolling.screen and status(server) == "rolling"


def test_a_second_ctrl_c_leaves_it_too(server: WebServer, rolling: Terminal) -> None:
    ctrl_c(rolling)
    rolling.types("\x03")
    assert rolling.ended() == 130
    assert "Rollout 1 goes on on the server." in rolling.screen and status(server) == "rolling"
    assert "Traceback" not in rolling.screen


def test_or_abort_it_and_see_the_end_of_that(server: WebServer, rolling: Terminal) -> None:
    ctrl_c(rolling)
    rolling.types("a\n")
    rolling.shows("Aborting rollout 1...")
    assert server.behind("answer = Rollout.objects.get().abort_requested_at is not None")
    server.behind(
        """
        rollout = Rollout.objects.get()
        logs.append(rollout, [Line("system/k8s/web", "Scaled down")])
        rollout.transition("rolling_back")
        rollout.transition("rolled_back", reason="Aborted by ann.")
        """
    )
    assert rolling.ended() == 1
    assert rolling.screen.count("Scaled up") == rolling.screen.count("Scaled down") == 1
    assert "Rollout 1 was rolled back: Aborted by ann." in rolling.screen


def test_what_is_over_by_then_is_told(server: WebServer, rolling: Terminal) -> None:
    ctrl_c(rolling)
    server.behind("Rollout.objects.get().transition('succeeded')")
    rolling.types("a\n")
    assert rolling.ended() == 0
    assert rolling.screen.rstrip().endswith("OK")


def test_a_deploy_has_colour_and_a_bar_and_the_same_words(server: WebServer, tmp_path: Path) -> None:
    server.behind("App.objects.all().delete(); actions.create_app('shop', by=policy.SYSTEM)")
    (tmp_path / "deployer.yml").write_text("services: {web: {command: sleep 1}}\n")
    (tmp_path / "large").write_bytes(os.urandom(3 << 20))
    terminal = Terminal(server, "build", str(tmp_path), "-a", "shop", "--no-wait")
    try:
        assert terminal.ended() == 0
    finally:
        terminal.close()
    words = COLOUR.sub("", terminal.screen)
    for said in ("Packaging source... OK", "2 files, 3.0 MiB packed", "Uploading source... OK", "Build: B"):
        assert said in words, terminal.screen
    assert "3.1/3.1 MB" in words or "3.0/3.0 MiB" in words, terminal.screen
    server.behind("Build.objects.get().transition('failed')")
    for colours in (True, False):
        listed = Terminal(server, "builds", "-a", "shop", **({} if colours else {"NO_COLOR": "1"}))
        try:
            assert listed.ended() == 0
        finally:
            listed.close()
        assert (COLOUR.search(listed.screen) is not None) is colours


def test_a_terminal_that_is_closed_takes_the_edited_file_with_it(server: WebServer, tmp_path: Path) -> None:
    server.behind("App.objects.all().delete(); actions.create_app('shop', by=policy.SYSTEM)")
    terminal = Terminal(
        server, "env", "edit", "-a", "shop", EDITOR="sh -c 'exec sleep 60'", XDG_RUNTIME_DIR=str(tmp_path)
    )
    try:
        wait_until(lambda: list(tmp_path.glob("deployer-*/edit.env")), what="the file")
        terminal.process.send_signal(signal.SIGHUP)
        assert terminal.ended() == 128 + signal.SIGHUP
        assert not list(tmp_path.glob("deployer-*"))
    finally:
        terminal.close()
