"""The cluster tests: a whole Deployer, whose apps live in the cluster of TEST_KUBECONFIG (see CONTRIBUTING.md)."""

import itertools
import logging
import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from deployer.home import write_private
from tests.cluster import account, given, image, leftovers, patience
from tests.cluster.app import ClusterApp
from tests.cluster.image import Image
from tests.cluster.kube import Kube, current, kubeconfig_text
from tests.cluster.sources import Sources
from tests.docker_engine import BUSYBOX
from tests.docker_fixtures import busybox, docker_host, registry  # noqa: F401
from tests.journeys.house import QUICK, House

HERE = Path(__file__).parent
logging.getLogger("httpx").setLevel(logging.WARNING)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    why_not = given.why_not()
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.cluster)
            item.add_marker(pytest.mark.timeout(patience.TEST))
            if why_not:
                item.add_marker(pytest.mark.skip(reason=why_not))


@dataclass
class World:
    """The given cluster, and a Deployer that works there under a name of its own.

    `unrestricted`: why Deployer has more rights there than `deploy/rbac.yaml` grants; "" if it has not. `login`: the
    kubeconfig that it has.
    """

    kube: Kube
    house: House
    unrestricted: str
    run: str
    login: Path
    namespaces: list[str] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def app(self) -> ClusterApp:
        """A new one, with nothing in it yet."""
        name = f"ct-{self.run}-{next(self.numbers)}"
        answer = self.house.api.post("/apps", json={"name": name, "cluster": "given"})
        assert answer.status_code == 201, answer.text
        app = ClusterApp(self.house, name, self.kube)
        self.namespaces.append(app.namespace)
        return app


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    kube, run = Kube(given.kubeconfig()), secrets.token_hex(3)
    leftovers.sweep(kube)
    house = House(tmp_path_factory.mktemp("house"), **QUICK, DEPLOYER_INSTALLATION=leftovers.INSTALLATIONS + run)
    unrestricted = "" if given.deployers() else account.why_not(kube)
    world = World(kube, house, unrestricted, run, tmp_path_factory.mktemp("login") / "kubeconfig")
    with ExitStack() as at_the_end:
        at_the_end.callback(leftovers.remove, kube, world.namespaces)
        kubeconfig = at_the_end.enter_context(_login(world))
        write_private(world.login, kubeconfig)
        at_the_end.callback(house.remove)
        house.start()
        answer = house.api.post("/clusters", json={"name": "given", "kind": "kubeconfig", "kubeconfig": kubeconfig})
        assert answer.status_code == 201, answer.text
        yield world
        assert house.stop() == []


def _login(world: World) -> AbstractContextManager[str]:
    """The kubeconfig by which Deployer works: of an account of `deploy/rbac.yaml`, where one can be made."""
    if own := given.deployers() or (given.kubeconfig() if world.unrestricted else None):
        return nullcontext(kubeconfig_text(*current(own)))
    name = f"cluster-tests-{world.run}"
    world.namespaces.append(name)
    return account.granted(world.kube, given.kubeconfig(), name)


@pytest.fixture(scope="session")
def the_image(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Image:
    folder = tmp_path_factory.mktemp("image")
    request.getfixturevalue("busybox")
    if images := given.images():
        return image.laid(images, folder)
    host, address = request.getfixturevalue("docker_host"), request.getfixturevalue("registry")
    return image.pushed(host, address, BUSYBOX, folder)


@pytest.fixture
def sources(the_image: Image, tmp_path: Path) -> Sources:
    return Sources(the_image, tmp_path)


@pytest.fixture
def app(world: World) -> Iterator[ClusterApp]:
    """An app with nothing in it yet. What runs of it ends with the test, so that the next has the cluster."""
    app = world.app()
    yield app
    world.house.api.delete(f"/apps/{app.name}", params={"confirm": app.name})


@pytest.fixture
def kube(world: World) -> Kube:
    return world.kube
