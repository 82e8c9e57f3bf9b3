"""Builds by a real Docker Engine: Deployer's own part of their time, and how fast a talkative one gets to a browser."""

import itertools
import os
import shutil
import subprocess
import time
from pathlib import Path
from statistics import median

from tests.bench.figures import show, title
from tests.bench.lines import TARGET, read_whole
from tests.docker_engine import BUSYBOX, Engine, Registry, why_no_busybox, why_no_engine, why_no_registry
from tests.journeys.app import App
from tests.journeys.house import House

ROUNDS = 5
LINES = 300_000
TOOLS = 'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "--install", "-s", "/bin"]\n'
# From the first changed file on: nothing to do but to copy, so that what remains is what each build costs; some twelve
# seconds of work, a short build; and the same with a line of log for each file that is read.
COPIED = TOOLS + "COPY . /src\nRUN rm -r /src/data\n"
WORK = TOOLS + "COPY . /src\nRUN for i in $(seq 320); do sha256sum /src/data/*{}; done\nRUN rm -r /src/data\n"
QUIET, TALKATIVE = WORK.format(" > /dev/null"), WORK.format("")
FILES, FILE_BYTES = 100, 100_000


class Layered(Engine):
    """With the storage that engines have in production: the tests' own copies everything in each step."""

    def command(self) -> list[str]:
        return [word.replace("storage-driver=vfs", "storage-driver=overlay2") for word in super().command()]


# Its cluster is the embedded one, for which nothing would be made by an engine.
REMOTE = "from releases.models import Cluster; Cluster.objects.update(kind='kubeconfig')"


def measure(house: House, folder: Path) -> None:
    """In a house of its own, which knows the engine; `house` is idle."""
    for why_not in filter(None, (why_no_engine(), why_no_registry(), why_no_busybox())):
        title(f"Builds: not measured: {why_not}")
        return
    with Layered() as engine, Registry() as registry:
        own = House(folder / "house", DOCKER_HOST=engine.host, DEPLOYER_BUILDER="docker", BUILD_NETWORK="host")
        try:
            own.start()
            own.manage("shell", "-v", "0", "-c", REMOTE)
            place = {"name": "builds", "address": registry.address, "is_default": True}
            own.api.post("/registries", json=place).raise_for_status()
            compared = own.app("compared")
            _compare("a source that needs no work", COPIED, compared, folder, engine, registry, target="")
            _compare("a short build", QUIET, compared, folder, engine, registry)
            _compare("one that prints 32,000 lines", TALKATIVE, compared, folder, engine, registry)
            _talk(own.app("talkative"), folder)
        finally:
            own.remove()


def _compare(
    what: str, dockerfile: str, app: App, folder: Path, engine: Engine, registry: Registry, *, target: str = "1.05"
) -> None:
    """Both with an engine that knows the tools' layers; each side begins every other round.

    A machine's speed drifts more than the two differ: what is compared are the two of one round.
    """
    title(f"docker build and docker push of {what}, and the same by Deployer, median of {ROUNDS}; new files in each")
    numbers = itertools.count()
    sides = {
        "directly": lambda source: _by_docker(source, engine, registry),
        "ours": lambda source: _by_deployer(app, source),
    }
    for warm in sides.values():
        warm(_source(folder, TOOLS, next(numbers)))
    seconds: dict[str, list[float]] = {side: [] for side in sides}
    for round_ in range(ROUNDS):
        for side in sorted(sides, reverse=bool(round_ % 2)):
            seconds[side].append(sides[side](_source(folder, dockerfile, next(numbers))))
    rounds = list(zip(seconds["directly"], seconds["ours"], strict=True))
    show("docker build and docker push", f"{median(seconds['directly']):.2f} s")
    show("by Deployer, from the upload to the release", f"{median(seconds['ours']):.2f} s")
    show("what Deployer adds", f"{median(ours - directly for directly, ours in rounds):.2f} s")
    show("Deployer's as a multiple", f"{median(ours / directly for directly, ours in rounds):.3f}", target=target)


def _talk(app: App, folder: Path) -> None:
    title(f"A step that prints {LINES:,} lines")
    words = "Collecting example-package (from -r requirements.txt)"
    source = _source(folder, TOOLS + f"RUN yes '{words}' | head -n {LINES}\n", 0)
    session = app.house.session()
    build, begun = _begun(app, source)
    with session.websocket(f"/ws/logs/build/{build}?after=0") as socket:
        lines, ended = read_whole(socket)
    assert lines > LINES
    show("from the upload to the browser", f"{lines / (ended - begun):,.0f} lines/s", target=TARGET)


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


def _by_deployer(app: App, source: Path) -> float:
    """As a script sees it: what it sends is packed already, and it is told of the end by the log."""
    build, begun = _begun(app, source)
    with app.house.api.stream("GET", f"/apps/{app.name}/builds/{build}/log", params={"follow": "true"}) as log:
        for _ in log.iter_lines():
            pass
    ended = time.monotonic()
    told = app.get(f"/builds/{build}")
    assert told["status"] == "succeeded" and told["release"], told
    return ended - begun


def _begun(app: App, source: Path) -> tuple[str, float]:
    upload = Path(shutil.make_archive(str(source), "gztar", source)).read_bytes()
    begun = time.monotonic()
    answer = app.post("/builds", files={"source": ("source.tar.gz", upload)})
    assert answer.status_code == 201, answer.text
    return answer.json()["id"], begun
