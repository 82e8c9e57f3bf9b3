"""Which tests run on one worker, and which begin first: no worker is to be alone with a long file at the end."""

from typing import Any

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# Files that share what is dear to start: a house is some eight processes. Two halves of about the same length.
TOGETHER = {
    "tests/journeys/test_database.py": "journeys in the first house",
    "tests/journeys/test_faults.py": "journeys in the first house",
    "tests/journeys/test_browser": "journeys in the first house",
    "tests/journeys/": "journeys in the second house",
    "tests/images/": "images",
    "tests/running/": "running",
    **dict.fromkeys(
        (
            "tests/test_api_log.py",
            "tests/test_clusters_command.py",
            "tests/test_command_",
            "tests/test_registries_command.py",
            "tests/test_webhooks_",
        ),
        "web servers",
    ),
}
# What takes longest to its end, whether it works or waits; all else follows in its own order.
LONGEST_FIRST = (
    "tests/journeys/test_database.py",
    "tests/journeys/test_faults.py",
    "tests/journeys/",
    "tests/test_api_schema.py",
    "tests/test_every_page.py",
    "tests/engine/test_engine_rights.py",
    "tests/engine/test_engine_restored.py",
    "tests/images/",
    "tests/engine/",
    "tests/running/",
    "tests/localcluster/test_conformance.py",
    "tests/localcluster/test_kubectl.py",
    "tests/test_restore.py",
    "tests/test_host.py",
    "tests/test_mirror.py",
    "tests/test_browser_",
    "tests/test_migrations.py",
    "tests/test_api_log.py",
    "tests/test_clusters_command.py",
    "tests/test_command_",
    "tests/test_registries_command.py",
    "tests/test_webhooks_",
    "tests/test_settings_page.py",
    "tests/test_database_",
    "tests/localcluster/test_machinery",
    "tests/localcluster/",
)


def unit(nodeid: str) -> str:
    """The name of what this test belongs to: such a thing is run by one worker, without a pause."""
    path = nodeid.split("::")[0]
    return next((name for begin, name in TOGETHER.items() if path.startswith(begin)), path)


def rank(nodeid: str) -> int:
    """The least of them begins first."""
    ranks = (number for number, begin in enumerate(LONGEST_FIRST) if nodeid.startswith(begin))
    return next(ranks, len(LONGEST_FIRST))


class Scheduling(LoadScopeScheduling):
    """Of `--dist loadfile`, which puts the files with the fewest tests last: those are the longest ones."""

    def __init__(self, config: pytest.Config, log: Any = None) -> None:
        super().__init__(config, log or Producer("scheduling"))
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        return unit(nodeid)
