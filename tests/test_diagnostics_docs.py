"""The catalogue of findings, where people read it: docs/diagnostics.md and a page of the dashboard."""

import re
from pathlib import Path

import pytest

from deployer.reference.__main__ import pages
from releases.pipeline import causes, health, job_health, meaning
from releases.pipeline.diagnosis.catalogue import CODES, ENTRIES, ORDER
from releases.pipeline.diagnosis.catalogue.chapters import chapters
from tests import factories

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs/diagnostics.md").read_text(encoding="utf-8")
EACH = [pytest.param(entry, id=entry.code) for entry in ENTRIES]


def test_it_is_what_the_code_says():
    assert pages()[ROOT / "docs/diagnostics.md"] == TEXT, "docs/diagnostics.md is stale: `make docs` writes it"


@pytest.mark.parametrize("entry", EACH)
def test_every_finding_has_its_section(entry):
    section = re.search(rf"^### {entry.code}\n(.*?)(?=^#|\Z)", TEXT, re.MULTILINE | re.DOTALL)
    assert section and entry.cause in section[1] and f"**What to do:** {entry.remedy}" in section[1]
    assert f"· {entry.severity}" in section[1] and f"| [{entry.code}](#{entry.code}) |" in TEXT
    assert not entry.verdict or f"verdict `{entry.verdict}`" in section[1]


@pytest.mark.parametrize("entry", EACH)
def test_every_entry_is_written_as_sentences(entry):
    assert re.fullmatch(r"[a-z_]+", entry.code)
    assert entry.title[0].isupper() and not entry.title.endswith(".")
    for words in (entry.cause, entry.remedy):
        assert words.endswith(".") and "  " not in words and not re.search(r"[a-z][.,][A-Z]{2}", words)


def test_every_code_has_one_entry_and_one_place():
    told = [entry.code for chapter in chapters() for entry in chapter.entries]
    assert sorted(told) == sorted(CODES) and len(set(told)) == len(told) == len(ORDER)


def test_the_verdicts_that_are_named_are_those_of_rollouts():
    """Each cause that `health` gives has a finding that says the same."""
    source = "".join(Path(module.__file__).read_text() for module in (causes, health, job_health, meaning))
    for verdict in {entry.verdict for entry in ENTRIES} - {""}:
        assert f'"{verdict}"' in source, verdict


def test_what_is_never_shown_is_said():
    assert "**What is never shown**: the values of variables." in TEXT


def test_the_dashboard_explains_every_finding_under_its_anchor(client, db):
    client.force_login(factories.person(role="viewer"))
    page = client.get("/help/diagnostics").content.decode()
    for entry in ENTRIES:
        assert f'id="{entry.code}"' in page and f"<code>{entry.code}</code>" in page
    anchors = re.findall(r' id="([^"]+)"', page)
    assert len(anchors) == len(set(anchors)) and "`" not in page and "<code>registry/repository:tag</code>" in page


def test_no_two_headings_have_the_same_anchor():
    """`#starting` is the finding of that code."""
    anchors = [heading.lower().replace(" ", "-") for heading in re.findall(r"^#+ (.*)$", TEXT, re.MULTILINE)]
    assert len(anchors) == len(set(anchors))
