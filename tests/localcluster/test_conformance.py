"""Every recorded scenario that processes can run, played to a localcluster: each object goes through the same.

conformance/story.py says what is compared, and why not more; differences.py what differs and must.
"""

import logging
from collections.abc import Iterator

import pytest

from tests.localcluster.conformance.allowances import Allowances
from tests.localcluster.conformance.disguise import BACKOFF, Disguise
from tests.localcluster.conformance.report import report
from tests.localcluster.conformance.stage import Stage
from tests.localcluster.differences import TRAJECTORIES
from tests.localcluster.running import Cluster
from tests.ports import free_port

LONGEST_FIRST = (
    "oom-killed",
    "liveness-failing",
    "job-retries",
    "crash-loop",
    "job-deadline",
    "image-pull-error",
    "quota-exceeded",
    "bad-command",
    "readiness-failing",
    "config-error",
    "unschedulable",
    "slow-start",
    "job-bad-image",
    "rollback-mid-rollout",
    "scale",
    "rolling-update",
    "recreate-strategy",
    "job-success",
    "job-failure",
    "delete-deployment",
    "first-deploy",
    "image-never-pull",
    "invalid-image-name",
)


@pytest.fixture(scope="module")
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Plays the scenarios whose tests were chosen."""
    logging.getLogger("httpx").setLevel(logging.WARNING)  # a report is to be found
    folder = tmp_path_factory.mktemp("conformance")
    images = folder / "images"
    images.mkdir()
    disguise = Disguise(images)
    calls = [getattr(item, "callspec", None) for item in request.session.items if item.path == request.path]
    chosen = {call.params["scenario"] for call in calls if call and "scenario" in call.params}
    cluster = Cluster(folder, free_port(), free_port(), backoff=BACKOFF)
    cluster.start()
    names = [name for name in LONGEST_FIRST if name in chosen]
    try:
        with Stage(cluster, disguise, Allowances(TRAJECTORIES), names) as running:
            yield running
    finally:
        cluster.stop()


@pytest.mark.parametrize("scenario", LONGEST_FIRST)
def test_scenario_goes_as_recorded(stage: Stage, scenario: str) -> None:
    mismatches = stage.result(scenario)
    if mismatches:
        pytest.fail(report(scenario, mismatches), pytrace=False)


def test_each_listed_difference_is_needed(stage: Stage) -> None:
    """A difference of which only some scenarios were played may be needed by the others."""
    for name in stage.names:
        stage.result(name)
    for difference in stage.allowances.needless():
        concerned = {name for name in LONGEST_FIRST if difference.concerns(name)}
        assert not concerned or concerned - set(stage.names), difference
