"""The workflows of GitHub Actions: they can't run here, so at least they are what they should be."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.web_server import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
OLDEST_KUBERNETES = "1.30"


def read(path: Path) -> dict[str, Any]:
    text = path.read_text()
    found = yaml.safe_load(text)
    return {"on" if key is True else key: value for key, value in found.items()}  # YAML 1.1: `on` is true


def jobs() -> list[Any]:
    return [
        pytest.param(job, id=f"{path.stem} {name}") for path in WORKFLOWS for name, job in read(path)["jobs"].items()
    ]


def runs(job: dict[str, Any]) -> str:
    return "\n".join(step.get("run", "") for step in job["steps"])


def test_there_are_two() -> None:
    assert [path.name for path in WORKFLOWS] == ["checks.yml", "kind.yml"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_they_may_read_only_and_run_once(path: Path) -> None:
    workflow = read(path)
    assert workflow["permissions"] == {"contents": "read"}
    assert "github.ref" in workflow["concurrency"]["group"] and workflow["concurrency"]["cancel-in-progress"]
    assert set(workflow["on"]) == {"push", "pull_request"}
    assert str(ROOT) not in path.read_text()


@pytest.mark.parametrize("job", jobs())
def test_jobs_end_and_use_actions_of_a_major_version(job: dict[str, Any]) -> None:
    assert 10 <= job["timeout-minutes"] <= 60
    used = [step["uses"] for step in job["steps"] if "uses" in step]
    assert used and all(re.fullmatch(r"[\w-]+/[\w-]+@v\d+", each) for each in used), used
    [checkout] = [step for step in job["steps"] if step.get("uses", "").startswith("actions/checkout@")]
    assert checkout["with"]["persist-credentials"] is False


@pytest.mark.parametrize("job", jobs())
def test_what_they_run_is_there(job: dict[str, Any]) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    called = re.findall(r"\bmake ([a-z-]+)", runs(job))
    scripts = re.findall(r"^\S*\.ci/\S+", runs(job), re.MULTILINE)
    assert called or scripts
    assert set(called) <= targets and all((ROOT / script).is_file() for script in scripts)


def test_the_cluster_tests_run_on_the_oldest_kubernetes_and_on_a_current_one() -> None:
    [job] = read(ROOT / ".github" / "workflows" / "kind.yml")["jobs"].values()
    rows = job["strategy"]["matrix"]["include"]
    assert rows[0]["kubernetes"] == OLDEST_KUBERNETES and len(rows) == 2
    for row in rows:
        assert re.fullmatch(rf"kindest/node:v{row['kubernetes']}\.\d+@sha256:[0-9a-f]{{64}}", row["node"])
        assert tuple(map(int, row["kind"].removeprefix("v").split("."))) >= (0, 27), "its nodes look into certs.d"
    text = runs(job)
    address = job["env"]["TEST_REGISTRY"]
    assert f"/etc/containerd/certs.d/{address}" in text and f":{address.split(':')[1]}:5000" in text
