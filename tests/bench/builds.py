"""Builds by a real Docker Engine: Deployer's own part of their time, and how fast a talkative one gets into the log."""

import itertools
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from tests.bench.figures import show, title
from tests.docker_engine import BUSYBOX, Engine, Registry, why_no_busybox, why_no_engine, why_no_registry
from tests.journeys.house import ROOT, House

ROUNDS = 5
LINES = 300_000
TOOLS = 'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "--install", "-s", "/bin"]\n'
# Some ten seconds of work, from the first changed file on.
USUAL = TOOLS + "COPY . /src\nRUN for i in $(seq 160); do sha256sum /src/data/*; done\nRUN rm -r /src/data\n"
FILES, FILE_BYTES = 100, 100_000

BUILD = """
import json, sys, time
from pathlib import Path
from django.utils import timezone
from releases.models import App, Build, Registry
from releases.pipeline import build as procedure
import releases.models.cluster as clusters
app = App.objects.get(name="builds")
app.cluster.kind = clusters.KUBECONFIG
build = Build.objects.create(app=app, status="succeeded", started_at=timezone.now(), by_label="bench")
build.app = app
place = dict(address={registry!r}, by_label="bench")
app.registry, _ = Registry.objects.update_or_create(name="builds", defaults=place)
procedure.upload_of(build).write_bytes(Path({upload!r}).read_bytes())
begun = time.monotonic()
procedure.make(build)
seconds = time.monotonic() - begun
build.refresh_from_db()
print(json.dumps([seconds, build.last_line]))
"""


class Layered(Engine):
    """With the storage that engines have in production: the tests' own copies everything in each step."""

    def command(self) -> list[str]:
        return [word.replace("storage-driver=vfs", "storage-driver=overlay2") for word in super().command()]


def measure(house: House, folder: Path) -> None:
    for why_not in filter(None, (why_no_engine(), why_no_registry(), why_no_busybox())):
        title(f"Builds: not measured: {why_not}")
        return
    house.app("builds")
    with Layered() as engine, Registry() as registry:
        _compare(house, folder, engine, registry)
        _talk(house, folder, engine, registry)


def _compare(house: House, folder: Path, engine: Engine, registry: Registry) -> None:
    title(f"docker build and docker push, and the same by Deployer, median of {ROUNDS}; the source is new in each")
    directly, ours = [], []
    numbers = itertools.count()
    for _ in range(ROUNDS):
        directly.append(_by_docker(_source(folder, USUAL, next(numbers)), engine, registry))
        ours.append(_by_deployer(house, _source(folder, USUAL, next(numbers)), engine, registry)[0])
    show("docker build and docker push", f"{median(directly):.2f} s")
    show("by Deployer, from the upload to the digest", f"{median(ours):.2f} s")
    show("Deployer's as a multiple", f"{median(ours) / median(directly):.3f}", target="1.05")


def _talk(house: House, folder: Path, engine: Engine, registry: Registry) -> None:
    title(f"A step that prints {LINES:,} lines")
    source = _source(
        folder, TOOLS + f"RUN yes 'Collecting example-package (from -r requirements.txt)' | head -n {LINES}\n", 0
    )
    seconds, lines = _by_deployer(house, source, engine, registry)
    assert lines > LINES
    show("from the engine into the database", f"{lines / seconds:,.0f} lines/s", target="20,000 lines/s")


def _source(folder: Path, dockerfile: str, number: int) -> Path:
    source = folder / "source"
    shutil.rmtree(source, ignore_errors=True)
    (source / "data").mkdir(parents=True)
    shutil.copy(BUSYBOX, source / "busybox")
    (source / "Dockerfile").write_text(dockerfile)
    for name in range(FILES):
        (source / "data" / str(name)).write_bytes(f"{number} {name} ".encode() * (FILE_BYTES // 8))
    return source


def _by_docker(source: Path, engine: Engine, registry: Registry) -> float:
    client = {"DOCKER_HOST": engine.host, "DOCKER_BUILDKIT": "0", "PATH": os.environ["PATH"]}
    tag = f"{registry.address}/direct:{time.monotonic_ns()}"
    begun = time.monotonic()
    for words in (["build", "--network", "host", "--tag", tag, str(source)], ["push", tag]):
        subprocess.run(["docker", *words], env=client, check=True, capture_output=True)
    return time.monotonic() - begun


def _by_deployer(house: House, source: Path, engine: Engine, registry: Registry) -> tuple[float, int]:
    """Seconds, and lines of the log."""
    upload = shutil.make_archive(str(source), "gztar", source)
    env = {"DOCKER_HOST": engine.host, "DEPLOYER_BUILDER": "docker", "BUILD_NETWORK": "host"}
    words = [sys.executable, "manage.py", "shell", "-v", "0", "-c"]
    code = BUILD.format(upload=upload, registry=registry.address)
    done = subprocess.run([*words, code], cwd=ROOT, env=house.environment | env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    seconds, lines = json.loads(done.stdout.splitlines()[-1])
    return seconds, lines
