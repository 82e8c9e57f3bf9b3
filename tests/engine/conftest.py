"""One real embedded cluster with a real mirror for all tests of this folder; each works in its own namespace."""

import copy
import itertools
import sys
from pathlib import Path

import pytest
from rq import Worker
from ruamel.yaml import YAML

from releases import queues
from releases.clients.cluster import Cluster, connect
from releases.clients.images import DirectoryBuilder
from releases.clients.mirror import Mirror
from releases.pipeline import manifests, operate
from tests import factories
from tests.clusters import started
from tests.engine.doctor import Doctor
from tests.engine.world import NO_IMAGE, World

EXAMPLE = Path(__file__).parents[2] / "examples/every-key"
_numbers = itertools.count(1)
SERVER = """
import http.server, os
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), http.server.SimpleHTTPRequestHandler).serve_forever()
"""
PROGRAMS = {
    "serves": SERVER,
    "stays": "import time\nprint('working', flush=True)\ntime.sleep(3600)\n",
    "ends": "print('no queue at QUEUE_URL', flush=True)\nraise SystemExit(3)\n",
}


@pytest.fixture(scope="session")
def process(tmp_path_factory):
    running = started(tmp_path_factory.mktemp("cluster"))
    yield running
    running.stop()


@pytest.fixture(scope="session")
def image(process, tmp_path_factory):
    source = tmp_path_factory.mktemp("source")
    for name, text in PROGRAMS.items():
        (source / f"{name}.py").write_text(text)
    alien = source / "alien"
    alien.write_bytes(b"\x00of another machine")
    alien.chmod(0o755)
    builder = DirectoryBuilder(process.folder / "images")
    return builder.build(source, app="hello", path=".", dockerfile_name="Dockerfile", say=lambda line: None)


@pytest.fixture(scope="session")
def mirror(process):
    made = Mirror(connect(process.kubeconfig), labels=manifests.OURS, prefix="deployer-")
    made.start()
    yield made
    made.retire()


@pytest.fixture
def cluster(process, settings) -> Cluster:
    settings.DEPLOYER_KUBECONFIG = str(process.kubeconfig)
    return connect(process.kubeconfig)


@pytest.fixture
def api(process):
    """For kinds that we never write ourselves."""
    with process.client() as client:
        yield client


@pytest.fixture
def world(cluster, image, mirror, transactional_db):
    made = World(factories.app(f"engine-{next(_numbers)}"), cluster, mirror, image, sys.executable)
    yield made
    made.stop()
    operate.remove(made.app)


@pytest.fixture
def doctor(world, redis):
    """Of the world's app. Around it all is well: whoever has to report has done so."""
    Worker(["builds", "rollouts"], connection=redis).register_birth()
    queues.reaper_is_alive(3600)
    return Doctor(world.app.name)


@pytest.fixture(scope="session")
def images_of_every_key(process):
    builder = DirectoryBuilder(process.folder / "images")

    def built(path):
        return builder.build(EXAMPLE, app="every-key", path=path, dockerfile_name="Dockerfile", say=lambda line: None)

    return {"web": built("."), "worker": built("worker"), "cache": NO_IMAGE}


@pytest.fixture
def every_key(world, images_of_every_key):
    """Makes a release of the example, its waits shortened. `broken`: web ends at once. `watched`: with every key; else
    without the liveness check, which every release would be watched for."""

    def make(broken=False, watched=False, **env):
        manifest = copy.deepcopy(YAML(typ="safe").load(EXAMPLE.joinpath("deployer.yml").read_text()))
        web, worker = manifest["services"]["web"], manifest["services"]["worker"]
        web["liveness"] |= {"interval": 1, "grace": 3, "failures": 2}
        manifest["timers"]["nightly"]["schedule"] = "0 3 1 1 *"  # and none begins in the middle of a test
        web["command"][1:1] = ["-I", "-S"]
        if not watched:
            del web["liveness"]
        web["termination"]["grace"] = worker.setdefault("termination", {})["grace"] = 1
        if broken:
            web["command"] = ["python3", "-c", "print('no queue at QUEUE_URL'); raise SystemExit(3)"]
        return world.release_of(manifest, images_of_every_key, env={"MOTTO": "steady", **env})

    return make
