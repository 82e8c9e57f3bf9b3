"""The sessions of the design, line by line, and what one does with an app that runs, by the command alone.

Times, IDs, the pods' names and the cluster's own wording are aside.
"""

import json
import re
import signal
import subprocess
from pathlib import Path

from tests.journeys import sources
from tests.journeys.app import App
from tests.journeys.told import Told
from tests.journeys.waiting import until

BUILD, RELEASE = r"B[A-Z]{10}", r"R[A-Z]{10}"
AGO = r"(just now|\d+ (second|minute)s? ago)"
LOG = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ system/(k8s/\S+|deployer) \S.*"
ONE_DEPLOY = rf"""
Packaging source\.\.\. OK
Uploading source\.\.\. OK
Starting build\.\.\. OK
(?P<build_log>(?!Build: ).*\n)+
Build: (?P<build>{BUILD})
Release: (?P<release>{RELEASE})
Promoting (?P=release)\.\.\.
(?P<log>{LOG}\n)+
OK
"""


def session(pattern: str) -> re.Pattern[str]:
    """Each line of the pattern is one of the output; a group with its own line end repeats."""
    lines = [line if line.endswith("+") else rf"{line}\n" for line in pattern.strip().split("\n")]
    return re.compile("".join(lines))


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=ann", "-c", "user.email=ann@example.com", "-c", "init.defaultBranch=main"]
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_the_sessions_of_the_design(app: App, tmp_path: Path) -> None:
    source = sources.serving(tmp_path / "source", "v1")
    (source / ".gitignore").write_text("*.secret\n")
    (source / "key.secret").write_text("hush")
    git(source, "init", "-q")
    git(source, "add", "-A")
    git(source, "commit", "-q", "-m", "my commit message\n\nand more")
    commit = git(source, "rev-parse", "HEAD")

    told = app.deploy(source)
    deployed = session(ONE_DEPLOY).fullmatch(told.out)
    assert told.status == 0 and deployed, told.all
    assert re.fullmatch(r"3 files, \d.*packed\n", told.err)  # all but the secret
    first, build = deployed["release"], deployed["build"]

    assert app.command("env", "set", "FOO=bar").status == 0
    listed = app.command("releases").out.splitlines()
    assert re.fullmatch(r"ID +STATUS +BUILD +CREATED +DESCRIPTION", listed[0])
    assert re.fullmatch(rf"{RELEASE}  active  {build}  {AGO} +env add:FOO", listed[1])
    assert re.fullmatch(rf"{first}          {build}  {AGO} +build {commit[:10]} my commit message", listed[2])
    assert len(listed) == 3

    told = app.command("releases", "rollback", first)
    rolled = session(
        rf"""
Rolling back to {first}\.\.\.
(?P<log>{LOG}\n)+
OK, (?P<copy>{RELEASE})
"""
    ).fullmatch(told.out)
    assert told.status == 0 and told.err == "" and rolled, told.all
    assert rolled["copy"] == app.release != first

    told = app.command("releases", "promote", first)
    promoted = session(rf"Promoting {first}\.\.\." + "\n" + rf"(?P<log>{LOG}\n)+" + "\nOK").fullmatch(told.out)
    assert told.status == 0 and told.err == "" and promoted, told.all


def test_an_app_that_runs_is_looked_after(app: App, tmp_path: Path) -> None:
    app.deployed(sources.serving(tmp_path / "v1", "v1"))
    before = set(app.command("ps", "-q").out.split())
    table = app.command("ps").out.splitlines()
    assert table[0].split() == ["ID", "SERVICE", "RELEASE", "STATUS", "RESTARTS", "STARTED", "NODE", "REASON"]
    assert len(before) == 2 and all(re.search(rf"web +{app.release} +ready +0 ", row) for row in table[1:])

    told = app.command("ps", "stop", (gone := min(before)))
    assert (told.status, told.out) == (0, f"Stopping {gone}... OK\n"), told.all
    ready = lambda: [each for each in app.get("/processes") if each["state"] == "ready"]  # noqa: E731
    until(lambda: len(ready()) == 2 and gone not in {each["name"] for each in ready()}, "another process")

    told = app.command("ps", "restart", "web")
    assert (told.status, told.out) == (0, "Restarting web... OK\n"), told.all
    after = {each["name"] for each in ready()}
    assert len(after) == 2 and not after & before
    assert app.command("ps", "restart", "nothing").status == 1

    assert app.command("scale", "web=1").out == "Scaling web to 1... OK\n"
    until(lambda: len(app.get("/processes")) == 1, "one process")


def test_what_an_app_writes_and_a_command_beside_it(app: App, tmp_path: Path) -> None:
    app.deployed(sources.serving(tmp_path / "v1", "v1", count=1))
    assert app.command("env", "set", "COLOUR=bluish-green", "--stage").status == 0
    staged = app.command("releases", "-q").out.split()[0]

    lines = app.command("logs").out.splitlines()
    assert re.fullmatch(r"\d{4}-\S+Z service/web/web-\S+ serving v1", lines[-1]), lines
    [one] = app.command("logs", "--service", "web", "-n", "1", "--json").out.splitlines()
    assert json.loads(one)["stream"].startswith("service/web/web-")
    written = tmp_path / "written"
    following = app.house.start_command("logs", "-f", "--since", "1h", "-a", app.name, written=written)
    until(lambda: "serving v1" in written.read_text(), "what it wrote")
    following.send_signal(signal.SIGINT)
    _, err = following.communicate(timeout=30)
    assert (following.returncode, "Traceback" in err) == (130, False)

    program = "import os, sys; print(os.environ['COLOUR'][:6]); print('two', file=sys.stderr); sys.exit(3)"

    def run(*arguments: str) -> Told:
        return app.house.command("run", "-a", app.name, *arguments)

    ran = run("--release", staged, "--", *sources.PYTHON, "-c", program)
    assert ran.status == 1 and set(ran.out.split()) == {"bluish", "two"} and "exited with 3." in ran.err, ran.all
    assert run("--", *sources.PYTHON, "-c", "print('fine')").out == "fine\n"
    assert run("--exit-code", "--", *sources.PYTHON, "-c", "raise SystemExit(5)").status == 5

    told = app.command("domains", "add", "shop.example.com")
    assert (told.status, told.out) == (0, "Adding shop.example.com... OK\n"), told.all
    assert re.search(r"^shop.example.com +web +app +", app.command("domains").out, re.MULTILINE)
    assert app.command("domains", "remove", "shop.example.com").out == "Removing shop.example.com... OK\n"
    assert "shop.example.com" not in app.command("domains", "-q").out
