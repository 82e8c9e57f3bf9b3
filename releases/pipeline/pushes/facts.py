"""What a delivery of GitHub's says, as far as we look at it (docs.github.com/webhooks/webhook-events-and-payloads)."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeGuard

HEADS, TAGS = "refs/heads/", "refs/tags/"
ZEROS = "0" * 40
COMMIT = re.compile(r"[0-9a-f]{40}")
# docs.github.com/actions: how a commit asks to be left alone.
MARKERS = ("[skip ci]", "[ci skip]", "[no ci]", "[skip actions]", "[actions skip]")
REF_MAX, NAME_MAX = 255 + len(HEADS), 200
NUMBER_MAX = 2**63 - 1


class Unreadable(Exception):
    """The payload lacks what GitHub documents for its event. The message says what."""


@dataclass(frozen=True)
class Repository:
    """`id` stays when it is renamed; `name` is `owner/name`."""

    id: int
    name: str
    installation: int | None = None


@dataclass(frozen=True)
class Push:
    """`commit` is what the branch leads to now, the commit behind a tag; ZEROS where it was deleted.

    `pushed_at`: seconds since 1970 by GitHub's clock, None where it is not told. `message`: of the head commit.
    """

    ref: str
    before: str
    commit: str
    message: str = ""
    pushed_at: int | None = None
    sender: str = ""

    @property
    def is_deleted(self) -> bool:
        return self.commit == ZEROS


@dataclass(frozen=True)
class PullRequest:
    """`fork`: the repository that its commits are from, where that is another one; "unknown" where it is gone."""

    number: int
    action: str
    commit: str
    title: str = ""
    fork: str = ""
    sender: str = ""

    @property
    def ref(self) -> str:
        return f"refs/pull/{self.number}/head"


@dataclass(frozen=True)
class Checked:
    """Something was said of the checks of `commit`; what they come to together is GitHub's to say."""

    commit: str


@dataclass(frozen=True)
class Ping:
    pass


@dataclass(frozen=True)
class Other:
    event: str


Fact = Push | PullRequest | Checked | Ping | Other


def read(event: str, payload: Any) -> Fact:
    """Raises Unreadable."""
    if not isinstance(payload, dict):
        raise Unreadable("the payload is no object")
    reader = READERS.get(event)
    return reader(payload) if reader else Other(event)


def repository(payload: Any) -> Repository | None:
    """Whose delivery it is; None where it does not say."""
    told = payload.get("repository") if isinstance(payload, dict) else None
    if not isinstance(told, dict):
        return None
    number, name = told.get("id"), told.get("full_name")
    if not _is_number(number) or not isinstance(name, str):
        return None
    installation = payload.get("installation")
    of = installation.get("id") if isinstance(installation, dict) else None
    return Repository(number, name[:NAME_MAX], of if _is_number(of) else None)


def skip_marker(message: str) -> str:
    """The one that `message` has; "" without one."""
    lowered = message.lower()
    return next((marker for marker in MARKERS if marker in lowered), "")


def _push(payload: dict) -> Push:
    ref, before, after = (_text(payload, key) for key in ("ref", "before", "after"))
    for name in (before, after):
        _commit(name)
    head = payload.get("head_commit")
    head = head if isinstance(head, dict) else {}
    message = head.get("message")
    commit = after
    if ref.startswith(TAGS) and after != ZEROS and head:
        commit = _commit(_text(head, "id"))  # a tag may be an object of its own
    return Push(
        ref=ref[:REF_MAX],
        before=before,
        commit=ZEROS if payload.get("deleted") is True else commit,
        message=message if isinstance(message, str) else "",
        pushed_at=_pushed_at(payload.get("repository")),
        sender=_login(payload),
    )


def _pull_request(payload: dict) -> PullRequest:
    told = payload.get("pull_request")
    if not isinstance(told, dict) or not _is_number(payload.get("number")):
        raise Unreadable("the payload has no pull request")
    head, base = told.get("head"), told.get("base")
    if not isinstance(head, dict) or not isinstance(base, dict):
        raise Unreadable("the pull request has no head or no base")
    title = told.get("title")
    return PullRequest(
        number=payload["number"],
        action=_text(payload, "action"),
        commit=_commit(_text(head, "sha")),
        title=title if isinstance(title, str) else "",
        fork=_fork(head.get("repo"), base.get("repo")),
        sender=_login(payload),
    )


def _fork(head: Any, base: Any) -> str:
    if not isinstance(head, dict):
        return "unknown"
    if isinstance(base, dict) and _is_number(head.get("id")) and head.get("id") == base.get("id"):
        return ""
    return str(head.get("full_name") or "unknown")[:NAME_MAX]


def _check_suite(payload: dict) -> Fact:
    return _of_check(payload, "check_suite")


def _check_run(payload: dict) -> Fact:
    return _of_check(payload, "check_run")


def _of_check(payload: dict, key: str) -> Fact:
    told = payload.get(key)
    if not isinstance(told, dict):
        raise Unreadable(f"the payload has no {key}")
    return Checked(_commit(_text(told, "head_sha")))


def _status(payload: dict) -> Fact:
    return Checked(_commit(_text(payload, "sha")))


READERS: dict[str, Callable[[dict], Fact]] = {
    "ping": lambda payload: Ping(),
    "push": _push,
    "pull_request": _pull_request,
    "check_suite": _check_suite,
    "check_run": _check_run,
    "status": _status,
}


def _text(payload: dict, key: str) -> str:
    value = payload.get(key)
    if not isinstance(value, str) or "\x00" in value:
        raise Unreadable(f"the payload has no {key}")
    return value


def _commit(name: str) -> str:
    if not COMMIT.fullmatch(name):
        raise Unreadable(f"{name[:60]!r} is no commit's name")
    return name


def _login(payload: dict) -> str:
    sender = payload.get("sender")
    login = sender.get("login") if isinstance(sender, dict) else ""
    return login[:100] if isinstance(login, str) else ""


def _pushed_at(told: Any) -> int | None:
    value = told.get("pushed_at") if isinstance(told, dict) else None
    return value if _is_number(value) else None


def _is_number(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= NUMBER_MAX
