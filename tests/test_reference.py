"""The pages of docs/ that are made from the code are what it says."""

import pytest

from deployer.reference.__main__ import pages


@pytest.mark.parametrize("name", ["command.md", "api.md", "diagnostics.md"])
def test_the_page_is_current(name: str) -> None:
    path, text = next((path, text) for path, text in pages().items() if path.name == name)
    assert path.read_text(encoding="utf-8") == text, f"docs/{name} is stale: `make docs` writes it"
