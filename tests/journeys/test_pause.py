"""A worker that was taken for dead and comes back, a rollout that is replaced, and one that waits: from outside."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.journeys import sources
from tests.journeys.app import App
from tests.journeys.told import finished
from tests.journeys.waiting import until
from tests.web_server import ROOT

EPOCH = "deployer/epoch"


def stamps(app: App) -> dict[str, str]:
    return {obj["metadata"]["name"]: obj["metadata"]["annotations"][EPOCH] for obj in app.objects("deployments")}


def rollouts_of(stamps: dict[str, str]) -> set[str]:
    """The numbers in them. What is behind them grows when a worker on a slow machine is taken for dead."""
    return {stamp.split(".")[0] for stamp in stamps.values()}


@contextmanager
def second_worker(app: App) -> Iterator[subprocess.Popen[bytes]]:
    """Another one beside the house's own, with the very same settings."""
    [first] = app.house.processes("rollouts")
    pairs = Path(f"/proc/{first.pid}/environ").read_bytes().decode().split("\0")
    environment = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
    with app.house.log.open("ab") as log:
        command = [sys.executable, "manage.py", "work", "rollouts"]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait(30)


def test_a_worker_that_comes_back_from_a_long_pause_writes_nothing_more(app: App, tmp_path: Path) -> None:
    go = tmp_path / "go"
    number = app.promote(app.built(sources.held(tmp_path / "v1", "v1", go)))
    app.reaches(number, "rolling")
    later = app.built(sources.serving(tmp_path / "v2", "v2"))
    [sleeper] = app.house.processes("rollouts")
    until(lambda: rollouts_of(stamps(app)) == {str(number)}, "the first worker's writes")
    app.house.put_to_sleep(sleeper)
    first = set(stamps(app).values())
    go.touch()
    try:
        with second_worker(app):
            ended = app.ended(number)
            assert ended["status"] == "succeeded", app.house.log_tail()
            lines, written = app.log(f"/rollouts/{number}"), stamps(app)
            # More than once it may have been enqueued anew: the sleeper may have been given a job in its sleep.
            assert not first & set(written.values()), "it was not carried by the second one"
    finally:
        sleeper.kill(signal.SIGCONT)
    # Whatever it still had in hand it has let go of, once it carries the next one; nobody else is there to do that.
    assert app.ended(app.promote(later))["status"] == "succeeded"
    assert sleeper in app.house.processes("rollouts")
    assert app.log(f"/rollouts/{number}") == lines and app.logs_are_whole()
    assert app.rollout(number) | {"expected_seconds": None} == ended | {"expected_seconds": None}
    assert rollouts_of(stamps(app)) == {str(number + 1)}
    app.answers("version v2")


def test_a_replaced_rollout_ends_at_once_and_the_new_one_goes_forward(app: App, tmp_path: Path) -> None:
    app.deployed(sources.serving(tmp_path / "v1", "v1"))
    number = app.promote(app.built(sources.never_ready(tmp_path / "sick")))
    app.reaches(number, "rolling")
    release = app.built(sources.serving(tmp_path / "v2", "v2"))
    refused = app.command("releases", "promote", release)
    assert refused.status == 3 and f"Rollout {number} of {app.name}" in refused.err
    told = app.command("releases", "promote", release, "--replace")
    assert told.status == 0, told.all
    app.answers("version v2")
    old = app.rollout(number)
    assert old["status"] == "superseded" and f"Replaced by rollout {number + 1}" in old["reason"]
    assert app.rollout(number + 1)["replaces"] == number and app.release == release
    assert "Rollback" not in told.out and app.logs_are_whole()


def test_a_deploy_while_another_rolls_waits_for_its_end(app: App, tmp_path: Path) -> None:
    app.deployed(sources.serving(tmp_path / "v1", "v1"))
    go, written = tmp_path / "go", tmp_path / "written"
    number = app.promote(app.built(sources.held(tmp_path / "v2", "v2", go)))
    app.reaches(number, "rolling")
    source = str(sources.serving(tmp_path / "v3", "v3"))
    process = app.house.start_command("deploy", source, "-a", app.name, written=written)
    waiting = until(lambda: app.get()["next"], "a remembered release", tell=app.house.log_tail)
    until(lambda: f"Waiting for the end of rollout {number}" in written.read_text(), "a word about it")
    assert app.rollout()["number"] == number
    go.touch()
    told = finished(process, 0, written=written)
    assert told.status == 0, told.all
    assert app.rollout(number)["status"] == "succeeded" and app.rollout(number + 1)["release"] == waiting
    assert app.get()["next"] is None and app.release == waiting
    app.answers("version v3")


def test_a_deploy_that_replaces_does_not_wait(app: App, tmp_path: Path) -> None:
    number = app.promote(app.built(sources.never_ready(tmp_path / "sick")))
    app.reaches(number, "rolling")
    told = app.command("deploy", str(sources.serving(tmp_path / "v2", "v2")), "--replace")
    assert told.status == 0, told.all
    assert app.rollout(number)["status"] == "superseded"
    app.answers("version v2")


def test_the_page_offers_to_replace_what_runs(app: App, tmp_path: Path) -> None:
    number = app.promote(app.built(sources.never_ready(tmp_path / "sick")))
    app.reaches(number, "rolling")
    release = app.built(sources.serving(tmp_path / "v2", "v2"))
    session = app.house.session()
    address = f"/apps/{app.name}/releases/{release}"
    page = session.http.get(address).text
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token and f"Replace rollout {number}" in page
    form = {"csrfmiddlewaretoken": token[1], "replace": "1"}
    answer = session.http.post(f"{address}/promote", data=form, headers={"Referer": session.url + address})
    assert answer.status_code == 200, answer.text
    assert app.rollout(number)["status"] == "superseded"
    assert app.ended(number + 1)["status"] == "succeeded"
