"""Asks the API why an app of the engine does not run."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import time_machine
from django.test import Client

from releases.models import Rollout, Token
from tests import factories

Finding = dict[str, Any]


class Doctor:
    def __init__(self, app: str) -> None:
        token = Token.issue(factories.person("administrator"), name="tests")[1]
        self.app, self.client = app, Client(headers={"Authorization": f"Bearer {token}"})

    def ask(self, path: str, **query: Any) -> Any:
        """The answer to GET of this path of the app's."""
        return self.client.get(f"/api/apps/{self.app}{path}", query)

    def report(self, **query: Any) -> dict[str, Any]:
        answer = self.ask("/diagnosis", **query)
        assert answer.status_code == 200, answer.content
        return dict(answer.json())

    def findings(self, **query: Any) -> list[Finding]:
        return list(self.report(**query)["findings"])

    def first(self, code: str, seconds: float = 30, **query: Any) -> Finding:
        """The first finding, as soon as it has this code."""
        deadline = time.monotonic() + seconds
        while not (found := self.findings(**query)) or found[0]["code"] != code:
            told = [f"{each['severity']} {each['code']}: {each['observed']}" for each in found]
            assert time.monotonic() < deadline, f"{code} was never the first finding; in the end: {told}"
            time.sleep(0.05)
        return found[0]

    def stored(self, rollout: Rollout) -> dict[str, Any]:
        """What was written down of a rollout when it failed."""
        answer = self.ask(f"/rollouts/{rollout.number}/diagnosis")
        assert answer.status_code == 200, answer.content
        return dict(answer.json())


def codes(findings: list[Finding]) -> list[str]:
    return [finding["code"] for finding in findings]


def written(finding: Finding) -> list[str]:
    """The lines of logs that it shows."""
    return [line for lines in finding["lines"] for line in lines["lines"]]


@contextmanager
def a_day_later() -> Iterator[None]:
    """Some things count only once they have lasted. The cluster's clock stays behind: one so wrong is not believed."""
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=25)):
        yield
