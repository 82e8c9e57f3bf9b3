"""`deployer deploy` and its kin, as real processes against a real web server. The tests play the worker."""

import json
import re
import signal
import subprocess
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.web_server import WebServer, wait_until

APP = "shop"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    server = WebServer(tmp_path_factory.mktemp("home"))
    server.start()
    yield server
    server.close()


@pytest.fixture
def server(running: WebServer) -> WebServer:
    """With one app that has nothing in it yet."""
    if running.process is None:
        running.start()
    running.behind(f"App.objects.all().delete(); actions.create_app({APP!r}, by=policy.SYSTEM)")
    return running


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "deployer.yml").write_text("services: {web: {command: sleep 1}}\n")
    return folder


def play_build(server: WebServer, *, lines: int = 3) -> None:
    """Take the newest build and carry it to its release."""
    wait_until(lambda: server.behind("answer = Build.objects.filter(status='queued').exists()"), what="a build")
    server.behind(
        f"""
        build = Build.take(Build.objects.get(status="queued").pk, 1)
        build.transition("running")
        logs.append(build, [Line("build", f"step {{n}}") for n in range(1, {lines} + 1)])
        actions.finish_build(build, Result(manifest=MANIFEST, images={{"web": "local/shop@sha256:1"}}))
        """
    )


def take_rollout(server: WebServer) -> None:
    """Take the newest rollout as far as rolling."""
    wait_until(lambda: server.behind("answer = Rollout.objects.filter(status='queued').exists()"), what="a rollout")
    server.behind(
        """
        rollout = Rollout.take(Rollout.objects.get(status="queued").pk, 1)
        rollout.transition("rolling")
        logs.append(rollout, [Line("system/k8s/web", "Scaled up replica set web-745f845dc to 1")])
        """
    )


def end_rollout(server: WebServer, status: str = "succeeded", **why: Any) -> None:
    server.behind(
        f"""
        rollout = Rollout.objects.get(status__in=["rolling", "rolling_back"])
        logs.append(rollout, [Line("system/k8s/atom/app", "Status: Updating => Running")])
        if {status!r} == "rolled_back":
            rollout.transition("rolling_back")
        rollout.transition({status!r}, **{why!r})
        if {status!r} == "succeeded":
            App.objects.filter(pk=rollout.app_id).update(active_release=rollout.release)
        """
    )


def deployed(server: WebServer, source: Path, end: Callable[[WebServer], None] = end_rollout) -> tuple[int, str, str]:
    process = server.start_command("deploy", str(source), "-a", APP)
    play_build(server)
    take_rollout(server)
    end(server)
    out, err = process.communicate(timeout=30)
    return process.returncode, out, err


def rest_of(process: subprocess.Popen) -> tuple[str, str]:
    """What it still writes. (`communicate` would lose what was read ahead of the lines that a test took.)"""
    watchdog = threading.Timer(60, process.kill)  # whoever never ends is a failure, and keeps nobody waiting
    watchdog.start()
    try:
        return process.stdout.read(), process.stderr.read()  # type: ignore[union-attr]
    finally:
        process.wait(30)
        watchdog.cancel()


def test_a_deploy_says_what_users_of_convox_know(server: WebServer, source: Path) -> None:
    status, out, err = deployed(server, source)

    assert status == 0 and re.fullmatch(r"1 file, \d+ bytes packed\n", err), err
    lines = out.splitlines()
    assert lines[:3] == ["Packaging source... OK", "Uploading source... OK", "Starting build... OK"]
    assert lines[3:6] == ["step 1", "step 2", "step 3"]
    build = re.fullmatch(r"Build: (B[A-Z]{10})", lines[6])
    release = re.fullmatch(r"Release: (R[A-Z]{10})", lines[7])
    assert build and release
    assert lines[8] == f"Promoting {release[1]}..."
    stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
    assert re.fullmatch(stamp + " system/k8s/web Scaled up replica set web-745f845dc to 1", lines[9])
    assert re.fullmatch(stamp + " system/k8s/atom/app Status: Updating => Running", lines[10])
    assert lines[11:] == ["OK"]

    listing = server.command("releases", "-a", APP).stdout.splitlines()
    assert listing[0].split() == ["ID", "STATUS", "BUILD", "CREATED", "DESCRIPTION"]
    assert listing[1].split()[:3] == [release[1], "active", build[1]]


def test_a_rollout_that_is_rolled_back_fails_with_the_last_words(server: WebServer, source: Path) -> None:
    why = {
        "reason": "web exited with 3 twice.",
        "cause": "exit",
        "hint": "Look at its last lines.",
        "evidence": ["about to fail: QUEUE_URL"],
    }
    status, out, err = deployed(server, source, lambda server: end_rollout(server, "rolled_back", **why))

    assert status == 1
    assert "OK" not in out.splitlines()
    assert "was rolled back: web exited with 3 twice." in err
    assert "Cause: exit" in err and "Hint: Look at its last lines." in err
    assert err.endswith("Why: deployer rollouts diagnosis 1 -a shop\n")
    assert "  about to fail: QUEUE_URL" in err


def test_a_failed_build_fails(server: WebServer, source: Path) -> None:
    process = server.start_command("deploy", str(source), "-a", APP, "--json")
    wait_until(lambda: server.behind("answer = Build.objects.filter(status='queued').exists()"))
    server.behind("Build.objects.get().transition('failed', reason='deployer.yml line 3: prot is not a key here.')")
    out, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "deployer.yml line 3: prot is not a key here." in err
    said = json.loads(out)
    assert (said["build"]["status"], said["release"], said["rollout"], said["error"]["exit"]) == (
        "failed",
        None,
        None,
        1,
    )
    assert "prot is not a key here" in said["error"]["message"]


def test_a_promote_that_policy_refuses_ends_with_3(server: WebServer, source: Path) -> None:
    process = server.start_command("deploy", str(source), "-a", APP)
    wait_until(lambda: server.behind("answer = Build.objects.filter(status='queued').exists()"))
    server.behind(
        """
        needy = {**MANIFEST, "environment": {"SECRET_KEY": None}}
        build = Build.take(Build.objects.get().pk, 1)
        build.transition("running")
        actions.finish_build(build, Result(manifest=needy, images={}))
        """
    )
    _, err = process.communicate(timeout=30)
    assert process.returncode == 3
    assert "SECRET_KEY is required by the manifest and not set" in err


def test_a_log_has_no_gap_and_no_double_when_the_server_is_killed(server: WebServer, source: Path) -> None:
    process = server.start_command("build", str(source), "-a", APP)
    wait_until(lambda: server.behind("answer = Build.objects.filter(status='queued').exists()"))
    append = "logs.append(build, [Line('build', f'line {{n}}') for n in range({}, {})])"
    server.behind("build = Build.take(Build.objects.get().pk, 1); build.transition('running')")
    server.behind(f"build = Build.objects.get(); {append.format(1, 1501)}")
    seen = [process.stdout.readline() for _ in range(3 + 700)]  # type: ignore[union-attr]
    assert seen[-1] == "line 700\n"
    server.kill()
    server.behind(f"build = Build.objects.get(); {append.format(1501, 2001)}")
    server.start()
    server.behind(
        f"""
        build = Build.objects.get(); {append.format(2001, 3001)}
        actions.finish_build(build, Result(manifest=MANIFEST, images={{}}))
        """
    )
    out, err = rest_of(process)
    assert process.returncode == 0, err
    lines = ("".join(seen) + out).splitlines()
    assert lines[3:3003] == [f"line {number}" for number in range(1, 3001)]
    assert err.count("was lost") == 1


def test_whoever_stops_watching_is_told_that_it_goes_on(server: WebServer, source: Path) -> None:
    process = server.start_command("deploy", str(source), "-a", APP)
    play_build(server)
    take_rollout(server)
    line = ""
    while "Scaled up" not in line:
        line = process.stdout.readline()  # type: ignore[union-attr]
    process.send_signal(signal.SIGINT)
    _, err = rest_of(process)
    assert process.returncode == 130
    assert "Rollout 1 goes on on the server." in err
    assert "deployer rollouts logs 1 -a shop" in err and "deployer rollouts abort 1 -a shop" in err
    assert server.behind("answer = Rollout.objects.get().status") == "rolling"


def test_env_set_makes_a_release_and_promotes_it(server: WebServer, source: Path) -> None:
    deployed(server, source)
    process = server.start_command("env", "set", "COLOUR=blue", "-a", APP)
    take_rollout(server)
    end_rollout(server)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert out.startswith("Setting COLOUR... OK\nRelease: R") and out.endswith("\nOK\n")
    assert "env add:COLOUR" in server.command("releases", "-a", APP).stdout
    assert server.command("env", "-a", APP).stdout == "COLOUR=********\n"
    assert server.command("env", "--reveal", "-a", APP).stdout == "COLOUR=blue\n"
    again = server.command("env", "set", "COLOUR=blue", "-a", APP)
    assert again.returncode == 0 and "Nothing has changed" in again.stdout


def test_a_rollback_names_the_copy(server: WebServer, source: Path) -> None:
    deployed(server, source)
    first = server.behind("answer = Release.objects.get().pk")
    deployed(server, source)
    process = server.start_command("releases", "rollback", first.lower(), "-a", APP)
    take_rollout(server)
    end_rollout(server)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert out.startswith(f"Rolling back to {first}...\n")
    copy = re.search(r"OK, (R[A-Z]{10})\s*$", out)
    assert copy and copy[1] != first
    rows = server.command("releases", "-a", APP).stdout.splitlines()
    assert [row.split()[0] for row in rows if " active " in row] == [copy[1]]

    refused = server.command("releases", "rollback", copy[1], "-a", APP)
    assert refused.returncode == 1 and "is the active release already" in refused.stderr


def test_a_second_promote_is_refused_and_names_the_first(server: WebServer, source: Path) -> None:
    deployed(server, source)
    release = server.behind("answer = Release.objects.get().pk")
    server.behind("actions.promote(Release.objects.get(), by=policy.SYSTEM)")
    refused = server.command("releases", "promote", release, "-a", APP)
    assert refused.returncode == 3
    assert f"Rollout 2 of shop ({release}) is still running." in refused.stderr

    abort = server.start_command("rollouts", "abort", "-a", APP)
    out, err = abort.communicate(timeout=30)
    assert (abort.returncode, err) == (0, "")
    assert out.startswith("Aborting rollout 2...\n") and out.endswith("\nOK\n")


def test_what_is_packed(server: WebServer, source: Path, tmp_path: Path) -> None:
    (source / ".git").mkdir()
    (source / ".git" / "config").write_text("secret")
    (source / "node_modules").mkdir()
    (source / "node_modules" / "x.js").write_text("x")
    (source / "run.sh").write_text("#!/bin/sh\n")
    (source / "run.sh").chmod(0o755)
    (source / ".dockerignore").write_text("*.log\nbuild/\n!build/keep.log\ndeployer.yml\n")
    (source / "noise.log").write_text("x")
    (source / "build").mkdir()
    (source / "build" / "drop.txt").write_text("x")
    (source / "build" / "keep.log").write_text("x")
    (source / "inside").symlink_to("run.sh")
    (source / "outside").symlink_to("/etc/passwd")

    process = server.start_command("build", str(source), "-a", APP)
    wait_until(lambda: server.behind("answer = Build.objects.filter(status='queued').exists()"))
    path = server.behind("from releases.pipeline.build import upload_of; answer = str(upload_of(Build.objects.get()))")
    with tarfile.open(path) as archive:
        members = {member.name: member for member in archive}
    server.behind("Build.objects.get().transition('cancelled', reason='enough')")
    _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert set(members) == {".dockerignore", "build/keep.log", "deployer.yml", "inside", "run.sh"}
    assert members["run.sh"].mode == 0o755 and members["run.sh"].uid == 0
    assert members["inside"].issym() and members["inside"].linkname == "run.sh"
    assert "outside is a link that leads out of the folder" in err


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("deploy", "no-such-folder", "-a", APP), 2, "is not a folder"),
        (("deploy", ".", "-a", "nope"), 1, "There is no app nope."),
        (("apps", "create", "Not_A_Name"), 1, "can't be an app's name"),
        (("apps", "create", APP), 1, "There is an app shop already."),
        (("releases", "promote", "RNOSUCHONES", "-a", APP), 1, "has no release RNOSUCHONES"),
        (("releases", "info", "../../tokens", "-a", APP), 2, "can't be a name or an ID"),
        (("scale", "web=-1", "-a", APP), 2, "no SERVICE=COUNT"),
        (("scale", "web=3", "-a", APP), 1, "it has no release yet"),
        (("env", "set", "1X=a", "-a", APP), 1, "can't be a variable's name"),
        (("releases",), 2, "Which app?"),
        (("frobnicate",), 2, "No such command"),
    ],
)
def test_bad_input_is_answered_at_the_door(
    server: WebServer, source: Path, arguments: tuple[str, ...], status: int, words: str
) -> None:
    ended = server.command(*arguments, cwd=source)
    assert (ended.returncode, words in ended.stderr) == (status, True), ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_server_that_is_not_there_is_4(server: WebServer) -> None:
    ended = server.command("apps", DEPLOYER_URL="http://127.0.0.1:1")
    assert ended.returncode == 4
    assert "http://127.0.0.1:1 can't be reached" in ended.stderr
