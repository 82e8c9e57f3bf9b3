"""docs/settings.md has every environment variable that the code reads, and no other."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from deployer.env import env
from tests.web_server import ROOT

PAGE = (ROOT / "docs" / "settings.md").read_text()
FOLDERS = ("deployer", "releases", "localcluster", "tests")
# Programs that tests run as apps: what those read is the tests' own affair.
APPS = {"tests/localcluster/conformance/demo.py"}
# Where programs are found, and what the tools that we use pass to each other.
PLUMBING = {
    "PATH",
    "PYTHONHOME",
    "PYTHONPATH",
    "DJANGO_SETTINGS_MODULE",
    "PYTEST_XDIST_WORKER",
    "PYTHONDONTWRITEBYTECODE",
}
# What a person's machine says to all programs: the command's page has them.
DESKTOP = {"EDITOR", "VISUAL", "TERM", "XDG_RUNTIME_DIR"}


def test_the_page_has_every_variable_that_is_read_and_no_other():
    assert settings.configured  # by then the settings have asked for theirs
    named, asked = documented(), env.names | asked_by_sources() | of_make()
    assert sorted(asked - named - PLUMBING - DESKTOP) == [], "these have no row in docs/settings.md"
    assert sorted(named - asked) == [], "nothing reads these"


def test_every_variable_has_a_row_of_three():
    rows = [line for line in PAGE.splitlines() if line.startswith("| `")]
    assert [row for row in rows if len(row.strip("|").split(" | ")) != 3] == []


def documented() -> set[str]:
    """A row may be about several."""
    first = re.findall(r"^\| (`[^|]*) \|", PAGE, re.MULTILINE)
    return {name for cell in first for name in re.findall(r"`([A-Za-z_]+)`", cell)}


def of_make() -> set[str]:
    """What the Makefile lets one set."""
    text = (ROOT / "Makefile").read_text()
    ours = set(re.findall(r"^([A-Z_]+) *[?:]?= ", text, re.MULTILINE)) - {"PYTHON"}
    return set(re.findall(r"\$\(([A-Z_]+)\)", text)) - ours - {"CURDIR"}


def asked_by_sources() -> set[str]:
    found: set[str] = set()
    for path in sources():
        tree = ast.parse(path.read_text())
        lists = dict(constants(tree))
        for node in ast.walk(tree):
            if (name := asked(node)) is not None:
                found |= {name.value} if isinstance(name, ast.Constant) else set()
            if isinstance(node, ast.ListComp | ast.DictComp | ast.SetComp) and any(map(asked, ast.walk(node))):
                over = [part for each in node.generators for part in ast.walk(each.iter) if isinstance(part, ast.Name)]
                found |= {name for part in over for name in lists.get(part.id, ())}
    return found


def sources() -> Iterator[Path]:
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if str(path.relative_to(ROOT)) not in APPS:
                yield path


def asked(node: ast.AST) -> ast.expr | None:
    """The name of the variable that `os.environ.get(NAME)`, `os.environ[NAME]` or `NAME in os.environ` reads."""
    if isinstance(node, ast.Subscript) and is_environ(node.value) and isinstance(node.ctx, ast.Load):
        return node.slice
    if isinstance(node, ast.Compare) and any(map(is_environ, node.comparators)):
        return node.left
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
        reads = node.func.attr in ("get", "setdefault", "pop") and is_environ(node.func.value)
        return node.args[0] if reads or node.func.attr == "getenv" else None
    return None


def is_environ(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "environ" and ast.unparse(node) == "os.environ"


def constants(tree: ast.Module) -> Iterator[tuple[str, list[str]]]:
    """The module's own lists of names."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple) and isinstance(node.targets[0], ast.Name):
            parts = [part.value for part in node.value.elts if isinstance(part, ast.Constant)]
            yield node.targets[0].id, [part for part in parts if isinstance(part, str)]
