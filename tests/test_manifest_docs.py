"""docs/manifest.md says everything that a manifest may say."""

import re
from pathlib import Path

import pytest
from pydantic_core import PydanticUndefined

from releases.pipeline.convox_yml import LEFT, scaling, services, timers
from releases.pipeline.deployer_yml import Manifest, faults

TEXT = (Path(__file__).parents[1] / "docs/manifest.md").read_text()
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def keys(model, path=""):
    """(section, key, default) of every key, as the page's headings name the sections."""
    for name, annotation in faults.names(model).items():
        field = model.model_fields.get(name)
        yield path, name, field.default if field else PydanticUndefined
        named = name + ".NAME" if name in ("services", "timers") else name
        if name != "init":
            for section, _ in faults.sections(annotation):
                yield from keys(section, f"{path}.{named}".lstrip("."))


def rows():
    """(section, key) → the row that describes it."""
    parts = HEADING.split(TEXT)[1:]
    found = {}
    for heading, body in zip(parts[::2], parts[1::2], strict=True):
        section = "" if heading == "deployer.yml" else heading
        for row in body.splitlines():
            if named := re.match(r"\| `([A-Za-z]+)` \|", row):
                found[section, named[1]] = row
    return found


ROWS = rows()
KEYS = list(keys(Manifest))


@pytest.mark.parametrize(("section", "key", "default"), KEYS, ids=[f"{section}.{key}" for section, key, _ in KEYS])
def test_every_key_is_described_in_its_section_with_its_default(section, key, default):
    row = ROWS[section, key]
    if isinstance(default, int | str) and not isinstance(default, bool) and default != "":
        assert re.search(rf"(?<![0-9]){re.escape(str(default))}(?![0-9])", row.rpartition(" | ")[2]), row


def test_nothing_is_described_that_is_not_there():
    theirs = {(section, key) for section, key in ROWS if section == "convox.yml"}
    assert set(ROWS) - theirs == {(section, key) for section, key, _ in KEYS}


def test_what_is_read_of_a_convox_yml_is_said_and_what_is_not():
    taken, left = TEXT.partition("## convox.yml")[2].split("Left out are ")
    for key in services.TAKEN:
        assert f"| `{key}` |" in taken or f"`{key}`," in taken or f", `{key}`" in taken, key
    for key in [*LEFT, *services.LEFT, *scaling.LEFT, *scaling.LEFT_OF_TARGETS, *timers.LEFT]:
        assert f"`{key}`" in left, key
