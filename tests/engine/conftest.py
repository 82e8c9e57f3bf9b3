"""One real embedded cluster with a real mirror for all tests of this folder; each works in its own namespace."""

import itertools
import sys

import pytest

from releases.clients.cluster import Cluster, connect
from releases.clients.images import DirectoryBuilder
from releases.clients.mirror import Mirror
from releases.pipeline import manifests, operate
from tests import factories
from tests.clusters import started
from tests.engine.world import World

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
