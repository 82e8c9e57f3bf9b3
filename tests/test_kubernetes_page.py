"""docs/kubernetes.md quotes what Deployer says: it does say that."""

import ast
import os
import re
import subprocess
from collections.abc import Iterator

import pytest

from releases.clients import kubeconfig
from releases.clients.access import KubeconfigText
from releases.clients.cluster import Cluster
from tests.clusters import started
from tests.localcluster.kubectl_shell import why_not
from tests.web_server import ROOT

PAGE = (ROOT / "docs" / "kubernetes.md").read_text()
FEWEST_LETTERS = 12  # a pattern with fewer of its own would fit anything
ANYTHING = ".+?"


def quoted() -> list[str]:
    """What stands in backticks in the first column of the tables under “Troubleshooting”."""
    tables = PAGE.partition("\n## Troubleshooting\n")[2].splitlines()
    rows = [line.split(" | ")[0] for line in tables if line.startswith("| ")]
    return [message for row in rows for message in re.findall(r"`([^`]+)`", row) if "conflict with" not in message]


def said() -> Iterator[re.Pattern[str]]:
    """Every text in the source, with anything in place of what is put into it."""
    for path in sorted((ROOT / "releases").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                parts = [re.escape(part.value) if isinstance(part, ast.Constant) else ANYTHING for part in node.values]
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                parts = [re.escape(node.value)]
            else:
                continue
            if sum(len(part) for part in parts if part != ANYTHING) >= FEWEST_LETTERS:
                yield re.compile("".join(parts), re.DOTALL)


def test_what_the_page_quotes_is_what_deployer_says():
    messages, patterns = quoted(), list(said())
    assert len(messages) > 30
    # A message may be of two texts: one that says how it begins, and what follows.
    whole = [message for message in messages if any(pattern.fullmatch(message) for pattern in patterns)]
    begun = [
        message
        for message in messages
        if message not in whole and any((found := pattern.match(message)) and found.end() > 20 for pattern in patterns)
    ]
    assert [message for message in messages if message not in whole + begun] == []
    assert all(message.endswith(": …") or "(" in message for message in begun), begun


@pytest.mark.skipif(bool(why_not()), reason=why_not())
def test_the_recipe_for_a_kubeconfig_makes_one_that_is_taken(tmp_path):
    """As it stands on the page, up to where Deployer gets it; the local cluster makes no tokens, so it has its own."""
    recipe = PAGE.partition("Put it into a kubeconfig of its own")[2].partition("```\n")[2].partition("\ndeployer ")[0]
    assert recipe.count("kubectl config") == 6
    cluster = started(tmp_path)
    environment = {"PATH": os.environ["PATH"], "KUBECONFIG": str(cluster.kubeconfig), "TOKEN": cluster.token()}
    subprocess.run(["sh", "-eu", "-c", recipe], cwd=tmp_path, env=environment, check=True, capture_output=True)
    given = kubeconfig.extract((tmp_path / "deployer.kubeconfig").read_text())
    assert Cluster(KubeconfigText("of the page", given)).version().startswith("v1.")
    cluster.stop()
