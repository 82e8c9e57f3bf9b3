"""The example that uses every key of deployer.yml, from its source to its processes."""

from pathlib import Path

from tests.journeys.app import App
from tests.journeys.waiting import until

EXAMPLE = Path(__file__).parents[2] / "examples/every-key"


def test_the_example_of_every_key_is_deployed(app: App) -> None:
    told = app.deploy(EXAMPLE)
    assert told.status == 0, told.all
    assert "release-command release" in told.out and "Scaled to 0, so not verified: cache." in told.all
    ready = {("web", "ready"), ("worker", "ready")}
    until(lambda: running(app) == ready, "nothing but ready processes", tell=lambda: str(running(app)))


def running(app: App) -> set[tuple[str, str]]:
    """Of the services: the timer's time may have come. An autoscaler may just have asked for one more of web."""
    found = app.get("/processes")
    return {(process["service"], process["state"]) for process in found if process["kind"] == "service"}
