"""What axe-core finds on a page: the rules of WCAG 2.2, levels A and AA (https://www.deque.com/axe/)."""

from functools import cache
from typing import Any

from tests.web_server import ROOT

AXE = ROOT / "tests" / "vendor" / "axe-4.14.1.min.js"
LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
RUN = "levels => axe.run(document, {runOnly: {type: 'tag', values: levels}, resultTypes: ['violations']})"


@cache
def _program() -> str:
    return AXE.read_text()


def violations(page: Any) -> list[str]:
    """One sentence per rule that the page breaks, with the first places where it does; none is good."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(_program())
    found = page.evaluate(RUN, LEVELS)["violations"]
    return [f"{each['id']}: {each['help']}: {_places(each['nodes'])}" for each in found]


def _places(nodes: list[dict[str, Any]]) -> str:
    shown = [f"{node['html'][:160]} ({_why(node)})" for node in nodes[:3]]
    return "; ".join(shown) + (f" and {len(nodes) - 3} more" if len(nodes) > 3 else "")


def _why(node: dict[str, Any]) -> str:
    return " ".join(each["message"] for each in [*node["any"], *node["all"], *node["none"]])[:200]
