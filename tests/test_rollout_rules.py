"""docs/rollout.md names a test for each rule: those tests are there."""

import re
from pathlib import Path

TESTS = Path(__file__).parent
RULES = (TESTS.parent / "docs" / "rollout.md").read_text()


def test_every_test_that_the_rules_name_is_there():
    named = re.findall(r"`((?:\w+/)?test_\w+\.py)::(test_\w+)`", RULES)
    assert len(named) > 80
    missing = [f"{path}::{name}" for path, name in named if f"def {name}(" not in (TESTS / path).read_text()]
    assert not missing


def test_every_rule_has_a_row_of_two():
    rows = [line for line in RULES.splitlines() if line.startswith("|")]
    assert all(len(row.strip("|").split(" | ")) == 2 for row in rows)
