"""Fixtures of a Docker Engine and a registry; a folder of tests that needs them imports them in its conftest.py.

Where there can be none, such tests are skipped and say so; in CI that is a failure.
"""

import os
from collections.abc import Iterator

import pytest

from tests.docker_engine import (
    Engine,
    Registry,
    why_no_busybox,
    why_no_engine,
    why_no_private_registry,
    why_no_registry,
)


@pytest.fixture(scope="session")
def docker_host() -> Iterator[str]:
    """The address of an engine, as DOCKER_HOST has it."""
    _needs(why_no_engine())
    if given := os.environ.get("DOCKER_HOST"):
        yield given
        return
    with Engine() as engine:
        yield engine.host


@pytest.fixture(scope="session")
def registry() -> Iterator[str]:
    """`host:port` of a registry to which one may push; a host's name may be followed by a path."""
    _needs(why_no_registry())
    if given := os.environ.get("TEST_REGISTRY"):
        yield given
        return
    with Registry() as registry:
        yield registry.address


@pytest.fixture(scope="session")
def private_registry() -> Iterator[str]:
    """`host:port` of one of the tests' own, over plain HTTP: for those who need to know how it is set up."""
    _needs(why_no_private_registry())
    with Registry() as registry:
        yield registry.address


@pytest.fixture(scope="session")
def busybox() -> str:
    """The path of a static busybox, for images FROM scratch."""
    _needs(why_no_busybox())
    return "/bin/busybox"


def _needs(why_not: str) -> None:
    if why_not and os.environ.get("CI"):
        pytest.fail(f"In CI nothing may be skipped: {why_not}.")
    if why_not:
        pytest.skip(f"{why_not}.")
