"""A Docker Engine, a registry, and a workshop that builds with them."""

import pytest

from tests.docker_fixtures import busybox as busybox
from tests.docker_fixtures import docker_host as docker_host
from tests.docker_fixtures import registry as registry
from tests.images import buildx
from tests.images.workshop import Workshop


@pytest.fixture
def workshop(docker_host, registry, busybox, tmp_path):
    return Workshop(docker_host, registry, tmp_path)


@pytest.fixture
def with_buildkit(workshop, tmp_path):
    """The workshop, building by `docker buildx build`."""
    workshop.client = buildx.command()
    return workshop


@pytest.fixture(params=["engine", "buildkit"])
def either(request, workshop):
    """The workshop with the engine's own builder, and with BuildKit."""
    return request.getfixturevalue("with_buildkit") if request.param == "buildkit" else workshop
