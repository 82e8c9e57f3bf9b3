"""The engine and the registry that tests start for themselves."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import docker
import pytest

from tests.docker_engine import Engine, why_no_engine
from tests.docker_fixtures import busybox, docker_host, registry  # noqa: F401
from tests.journeys.waiting import until
from tests.web_server import ROOT

HOLDS_AN_ENGINE = """
import sys, time
from tests.docker_engine import Engine
engine = Engine().start()
print(engine.folder, engine.process.pid, flush=True)
time.sleep(60)
"""

WHY_NOT = why_no_engine() or ("DOCKER_HOST names another one" if os.environ.get("DOCKER_HOST") else "")
own = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)


def test_an_image_from_scratch_is_built_run_and_pushed(docker_host: str, registry: str, busybox: str, tmp_path: Path):  # noqa: F811
    (tmp_path / "busybox").write_bytes(Path(busybox).read_bytes())
    (tmp_path / "busybox").chmod(0o755)
    text = 'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "touch", "/made"]\n'
    (tmp_path / "Dockerfile").write_text(text)
    client = docker.DockerClient(base_url=docker_host)
    name = f"{registry}/tests/first"
    try:
        said = list(client.api.build(path=str(tmp_path), tag=name, decode=True, rm=True, network_mode="none"))
        assert not [line for line in said if "error" in line], said
        pushed = list(client.api.push(name, stream=True, decode=True))
        [digest] = [line["aux"]["Digest"] for line in pushed if "aux" in line]
        assert client.images.get_registry_data(name).id == digest
    finally:
        client.close()


@own
def test_an_engine_ends_with_whoever_started_it():
    starter = subprocess.Popen([sys.executable, "-c", HOLDS_AN_ENGINE], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert starter.stdout
    with starter.stdout:
        folder, pid = starter.stdout.readline().split()
    assert set(running(folder)) > {int(pid)}, "its containerd, too"
    starter.send_signal(signal.SIGKILL)
    starter.wait()
    until(lambda: not running(folder), "the end of the engine", tell=lambda: str(running(folder)))
    assert folder not in Path("/proc/mounts").read_text()
    subprocess.run(["rm", "-r", folder], check=True)


@own
def test_an_engine_leaves_nothing():
    with Engine() as engine:
        assert running(str(engine.folder))
    assert not running(str(engine.folder)) and not engine.folder.exists()


def running(folder: str) -> dict[int, str]:
    """The processes that work for this folder."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if folder in command:
                found[int(entry.name)] = command
    return found
