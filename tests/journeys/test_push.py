"""From a Git push to the new version that answers, with nobody touching anything."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.git_server import ENVIRONMENT
from tests.journeys import sources
from tests.journeys.app import App
from tests.journeys.house import QUICK, House
from tests.journeys.waiting import until
from tests.web_server import ROOT

# What GitHub does when somebody pushes, as a hook of a local repository.
HOOK = """#!{python}
import json, sys
sys.path.insert(0, {root!r})
import httpx
from tests import github_payloads
for line in sys.stdin:
    before, after, ref = line.split()
    payload = github_payloads.push(after, before=before, ref=ref, at=int(__import__("time").time()))
    body, headers = github_payloads.delivery({secret!r}, "push", payload)
    httpx.post({url!r}, content=body, headers=headers, timeout=20, trust_env=False).raise_for_status()
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """It may read repositories that are folders of this machine."""
    house = House(tmp_path_factory.mktemp("house"), **QUICK, GIT_TRANSPORTS="file", RECONCILE_SECONDS="1")
    try:
        house.start()
        yield house
        assert house.stop() == []
    finally:
        house.remove()


class Clone:
    """A person's working copy, whose pushes are told to Deployer as GitHub tells them."""

    def __init__(self, folder: Path, app: App) -> None:
        self.folder, self.origin, self.app = folder / "work", folder / "app.git", app
        folder.mkdir(parents=True)
        self.git("init", "--quiet", "--bare", "--initial-branch=main", str(self.origin), at=folder)
        self.git("init", "--quiet", "--initial-branch=main", str(self.folder), at=folder)
        self.git("remote", "add", "origin", str(self.origin))

    def git(self, *arguments: str, at: Path | None = None) -> str:
        command = ["git", "-C", str(at or self.folder), *arguments]
        done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def told_to(self, url: str, secret: str) -> None:
        hook = self.origin / "hooks" / "post-receive"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(HOOK.format(python=sys.executable, root=str(ROOT), url=url, secret=secret))
        hook.chmod(hook.stat().st_mode | stat.S_IXUSR)

    def untold(self) -> None:
        (self.origin / "hooks" / "post-receive").unlink()

    def push(self, version: str, *, good: bool = True) -> str:
        sources.serving(self.folder, version)
        if not good:
            (self.folder / "server.py").write_text(sources.CRASH)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", f"Version {version}")
        self.git("push", "--quiet", "origin", "main")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def app(house):
    return house.app("pushed")


def connected(app: App, folder: Path, **wishes) -> Clone:
    clone = Clone(folder, app)
    answer = app.house.api.put(
        f"/apps/{app.name}/source", json={"url": f"file://{clone.origin}", "on_push": "promote", **wishes}
    )
    assert answer.status_code == 200, answer.text
    clone.told_to(answer.json()["webhook_url"], answer.json()["webhook_secret"])
    return clone


def test_from_a_push_to_the_version_that_answers(house, app, tmp_path):
    clone = connected(app, tmp_path / "repository")
    first = clone.push("one")
    app.answers("version one", seconds=90)
    build = app.get("/builds")["items"][0]
    assert (build["commit"], build["origin"], build["by"], build["subject"]) == (
        first,
        "push",
        "push by ada",
        "Version one",
    )
    clone.push("two")
    app.answers("version two", seconds=90)
    # Comparing may be quicker than the hook.
    until(
        lambda: decisions(app) in (["built", "built"], ["built already", "built"]), "decisions", tell=app.house.log_tail
    )

    # GitHub could not reach us: it is only late.
    hook = (clone.origin / "hooks" / "post-receive").read_bytes()
    until(lambda: app.get("/source")["head"], "a first look at the branch")
    clone.untold()
    clone.push("three")
    app.answers("version three", seconds=90)
    assert app.get("/builds")["items"][0]["origin"] == "reconciler"

    # A bad version is undone, and what is pushed then waits for a person.
    (clone.origin / "hooks" / "post-receive").write_bytes(hook)
    (clone.origin / "hooks" / "post-receive").chmod(0o755)
    clone.push("four", good=False)
    until(lambda: app.get("/source")["stopped"], "the stop", seconds=90, tell=house.log_tail)
    app.answers("version three")
    clone.push("five")
    build = until(lambda: refused(app), "a build that is not promoted", seconds=60)
    assert "promotes nothing by itself until a person resumes" in build["refusals"][0]
    resumed = app.post("/source/resume")
    assert resumed.status_code == 200, resumed.text
    clone.push("six")
    app.answers("version six", seconds=90)
    assert app.logs_are_whole()


def decisions(app: App) -> list[str]:
    return [each["decision"].split(":")[0] for each in app.get("/deliveries")["items"]]


def refused(app: App) -> dict | None:
    newest = app.get("/builds")["items"][0]
    return newest if newest["status"] == "succeeded" and newest["refusals"] else None


def test_a_person_asks_for_a_commit(house, tmp_path):
    app = house.app("asked")
    clone = connected(app, tmp_path / "repository", on_push="nothing")
    first, second = clone.push("one"), clone.push("two")
    build = app.post("/builds", json={"commit": first, "promote": True})
    assert build.status_code == 201, build.text
    app.answers("version one", seconds=90)
    app.post("/builds", json={"ref": "main", "promote": True})
    app.answers("version two", seconds=90)
    build = app.get("/builds")["items"][0]
    assert (build["commit"], build["ref"], build["origin"]) == (second, "refs/heads/main", "git")
    told = app.command("build", "--commit", first[:12].upper())
    assert told.status == 1, told.all  # no branch leads to it: all its digits are needed
    assert "Give all 40 digits of its name." in told.all
    told = app.command("build", "--commit", first)
    assert told.status == 0, told.all
    assert f"Commit {first[:10]} of Ada: Version one" in told.out
    gone = app.post("/builds", json={"commit": "0" * 40}).json()["id"]
    failed = until(lambda: ended(app, gone), "the end of the build")
    assert (failed["status"], failed["cause"]) == ("failed", "no_commit")


def ended(app: App, build: str) -> dict | None:
    found = app.get(f"/builds/{build}")
    return found if found["finished"] else None
