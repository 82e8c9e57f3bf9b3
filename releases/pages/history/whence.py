"""Who it was, and which way they came: browser, token, push; read off what the history calls them."""

import re
from dataclasses import dataclass

from releases.models.lifecycle import Authored

_WITH_TOKEN = re.compile(r"(?P<name>\S+) \(token (?P<token>.*)\)\Z", re.DOTALL)
_BY_ITSELF = re.compile(r"(?P<way>push|pull request|reconciler)\b")
SYSTEM = "system"


@dataclass(frozen=True)
class Whence:
    """`name`: of the person, else as the history has it. `way`: "browser", "API", "push", "pull request" or
    "Deployer". `token`: the name of the one it was done with."""

    name: str
    way: str
    token: str = ""

    @property
    def words(self) -> str:
        if self.token:
            return f"token {self.token}"
        return {"browser": "in the browser", "API": "over the API", "Deployer": "by itself"}.get(self.way, "")

    @property
    def source(self) -> str:
        """As a cell of a table."""
        return f"API, token {self.token}" if self.token else self.way


def whence(row: Authored) -> Whence:
    if found := _WITH_TOKEN.match(row.by_label):
        return Whence(found["name"], "API", found["token"])
    if row.by_id is None and (found := _BY_ITSELF.match(row.by_label)):
        return Whence(row.by_label, found["way"])
    if row.by_id is None and row.by_label == SYSTEM:
        return Whence("Deployer", "Deployer")
    return Whence(row.by_label, "browser")
