"""The example that uses every key of deployer.yml, from its source to its processes."""

from pathlib import Path

from tests.journeys.app import App

EXAMPLE = Path(__file__).parents[2] / "examples/every-key"


def test_the_example_of_every_key_is_deployed(app: App) -> None:
    told = app.deploy(EXAMPLE)
    assert told.status == 0, told.all
    assert "release-command release" in told.out and "Scaled to 0, so not verified: cache." in told.all
    running = {(process["service"], process["state"]) for process in app.get("/processes")}
    assert running == {("web", "ready"), ("worker", "ready")}
