"""A house that the journeys share; each has apps of its own in it. Who kills a supervisor has a house of its own."""

import itertools
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browsing import a_tab, without_complaint
from tests.journeys import sources
from tests.journeys.app import App
from tests.journeys.browsing import sign_in_by
from tests.journeys.house import QUICK, House

HERE = Path(__file__).parent
# Of what is sent in, so that bombs are small.
LIMITS = {"SOURCE_MAX_BYTES": str(8 * 1024**2), "SOURCE_MAX_FILES": "100", "UPLOAD_MAX_BYTES": str(1024**2)}
_numbers = itertools.count(1)
logging.getLogger("httpx").setLevel(logging.WARNING)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.journey)
            item.add_marker(pytest.mark.timeout(180))


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """All of Deployer, running. Ends by Ctrl-C, which leaves nothing."""
    house = House(tmp_path_factory.mktemp("house"), **QUICK, **LIMITS)
    try:
        house.start()
        yield house
        assert house.stop() == []
    finally:
        house.remove()


@pytest.fixture
def app(house: House) -> Iterator[App]:
    """An app with nothing in it yet. What runs of it ends with the test, so that the next has the machine."""
    app = house.app(f"app-{next(_numbers)}")
    yield app
    house.api.delete(f"/apps/{app.name}", params={"confirm": app.name})


@pytest.fixture(scope="module")
def page(browser: Any, house: House) -> Any:
    """A signed-in administrator's tab."""
    page = a_tab(browser)
    sign_in_by(page, house.manage("password", "--link"), "admin")
    return page


@pytest.fixture
def quiet(page: Any) -> Iterator[Any]:
    """The tab, on whose console no error may appear."""
    with without_complaint(page):
        yield page


@pytest.fixture(scope="module")
def shop(house: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """An app with something that runs, for all stories of a file. Each makes what else it needs."""
    app = house.app(f"shop-{next(_numbers)}")
    app.deployed(sources.serving(tmp_path_factory.mktemp("first"), "first"))
    yield app
    house.api.delete(f"/apps/{app.name}", params={"confirm": app.name})
