"""The image of the cluster tests is built, pushed and pulled; its programs do in real containers what they say."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.cluster import image
from tests.cluster.sources import program
from tests.docker_engine import BUSYBOX
from tests.docker_fixtures import busybox, docker_host, registry  # noqa: F401
from tests.journeys.waiting import until

Run = Callable[..., Any]


@pytest.fixture(scope="module")
def client(docker_host: str) -> Iterator[docker.DockerClient]:  # noqa: F811
    client = docker.DockerClient(base_url=docker_host)
    yield client
    client.close()


@pytest.fixture(scope="module")
def reference(docker_host: str, registry: str, busybox: str, tmp_path_factory: pytest.TempPathFactory) -> str:  # noqa: F811
    made = image.pushed(docker_host, registry, BUSYBOX, tmp_path_factory.mktemp("image"))
    return made.reference


@pytest.fixture
def run(client: docker.DockerClient, reference: str) -> Iterator[Run]:
    """Starts one of the programs as a cluster would, without a network."""
    containers = []

    def start(name: str, *, environment: dict[str, str] | None = None, **options: Any) -> Any:
        variables = {"VERSION": "v1"} | (environment or {})
        command = program(name)
        container = client.containers.create(reference, command, environment=variables, network_mode="none", **options)
        containers.append(container)
        container.start()
        return container

    client.images.pull(reference)
    yield start
    for container in containers:
        container.remove(force=True, v=True)


def says(container: Any, words: str) -> str:
    return str(until(lambda: (log := container.logs().decode()) and words in log and log, words))


def ended(container: Any) -> int:
    return int(container.wait(timeout=60)["StatusCode"])


def test_its_reference_is_the_digest_that_the_registry_has(client: docker.DockerClient, reference: str) -> None:
    name, digest = reference.split("@")
    assert client.images.get_registry_data(reference).id == client.images.get_registry_data(name).id == digest
    with pytest.raises(docker.errors.APIError, match=r"404|unknown|not found"):
        client.images.get_registry_data(f"{name}@{image.NOWHERE}")


@pytest.mark.parametrize(("healthy", "code"), [("yes", 0), ("no", 1)])
def test_serve(run: Run, healthy: str, code: int) -> None:
    container = run("serve", environment={"PORT": "8080", "HEALTHY": healthy})
    says(container, "version v1 serves")
    ask = ["/bin/busybox", "wget", "-q", "-O", "-"]
    until(lambda: container.exec_run([*ask, "http://127.0.0.1:8080/"]).output == b"version v1\n", "its page")
    assert container.exec_run([*ask, "http://127.0.0.1:8080/health"]).exit_code == code
    container.stop(timeout=30)
    assert ended(container) == 0 and "version v1 was asked to stop" in container.logs().decode()


def test_serve_that_is_stubborn(run: Run) -> None:
    container = run("serve", environment={"PORT": "8080", "STUBBORN": "yes"})
    says(container, "serves")
    container.stop(timeout=1)
    assert ended(container) == 137


def test_crash_and_migrate(run: Run) -> None:
    crash, good = run("crash"), run("migrate")
    bad = run("migrate", environment={"CODE": "4", "VERSION": "v2"})
    assert [ended(container) for container in (crash, good, bad)] == [3, 0, 4]
    assert crash.logs() == b"looking for the queue\nno queue at QUEUE_URL\n"
    assert good.logs() == b"migrating to v1\nmigrated\n" and bad.logs() == b"migrating to v2\nno such table\n"


def test_work_ends_when_it_is_asked_to(run: Run) -> None:
    container = run("work")
    says(container, "version v1 works")
    container.stop(timeout=30)
    assert ended(container) == 0


def test_keep_finds_what_was_there_first(run: Run, tmp_path: Path) -> None:
    mounted = {"environment": {"FOLDER": "/data"}, "volumes": {str(tmp_path): {"bind": "/data", "mode": "rw"}}}
    says(run("keep", **mounted), "version v1 finds v1")
    mounted["environment"]["VERSION"] = "v2"
    second = run("keep", **mounted)
    says(second, "version v2 finds v1")
    second.stop(timeout=30)
    assert ended(second) == 0


def test_eat_takes_more_than_it_may_have(run: Run) -> None:
    container = run("eat", mem_limit="32m", memswap_limit="32m")
    assert ended(container) == 137

    def was_out_of_memory() -> bool:
        container.reload()
        return container.attrs["State"]["OOMKilled"]

    until(was_out_of_memory, "the engine's word that it was out of memory")  # which may come after the end itself
