"""Deliveries as GitHub sends them, made of the fields that it documents, and signed as it signs them.

docs.github.com/webhooks: webhook-events-and-payloads, using-webhooks/validating-webhook-deliveries
"""

import hashlib
import hmac
import itertools
import json
import uuid
from typing import Any
from urllib.parse import urlencode

ZEROS = "0" * 40
ONE, TWO, THREE = ("1" * 40, "2" * 40, "3" * 40)
NUMBER, NAME = 4711, "ada/engine"
_seconds = itertools.count(1_790_000_000)


def repository(*, id: int = NUMBER, name: str = NAME, **more: Any) -> dict[str, Any]:
    owner, _, short = name.partition("/")
    return {
        "id": id,
        "name": short,
        "full_name": name,
        "private": False,
        "owner": {"login": owner, "id": 1, "type": "User"},
        "default_branch": "main",
        "clone_url": f"https://github.com/{name}.git",
        **more,
    }


def commit(name: str, message: str = "Say hello") -> dict[str, Any]:
    person = {"name": "Ada", "email": "ada@example.com", "username": "ada"}
    return {
        "id": name,
        "tree_id": "f" * 40,
        "distinct": True,
        "message": message,
        "timestamp": "2026-11-21T12:00:00+01:00",
        "author": person,
        "committer": person,
        "added": [],
        "removed": [],
        "modified": ["app.py"],
    }


def push(
    after: str = ONE,
    *,
    before: str = ZEROS,
    ref: str = "refs/heads/main",
    message: str = "Say hello",
    at: int | None = None,
    commits: int = 1,
    **more: Any,
) -> dict[str, Any]:
    """`at`: when it was pushed, by GitHub's clock; each is a second after the one before. GitHub lists 2,048 commits at
    most, the head commit beside them."""
    deleted = after == ZEROS
    head = None if deleted else commit(after, message)
    return {
        "ref": ref,
        "before": before,
        "after": after,
        "created": before == ZEROS,
        "deleted": deleted,
        "forced": False,
        "base_ref": None,
        "compare": "https://github.com/ada/engine/compare/0a1b2c3...1111111",
        "commits": [commit(f"{number:040x}", f"Commit {number}") for number in range(min(commits, 2048))],
        "head_commit": head,
        "repository": repository(pushed_at=next(_seconds) if at is None else at),
        "pusher": {"name": "ada", "email": "ada@example.com"},
        "sender": {"login": "ada", "id": 1, "type": "User"},
        **more,
    }


def pull_request(
    of: str = TWO, *, action: str = "opened", number: int = 7, fork: dict | None = None, **more: Any
) -> dict[str, Any]:
    """`fork`: the repository of its head; the same as that of its base without. `more`: of the pull request."""
    return {
        "action": action,
        "number": number,
        "pull_request": {
            "number": number,
            "state": "open",
            "title": "Say it louder",
            "head": {"label": "ada:loud", "ref": "loud", "sha": of, "repo": fork or repository()},
            "base": {"label": "ada:main", "ref": "main", "sha": ONE, "repo": repository()},
            **more,
        },
        "repository": repository(),
        "sender": {"login": "grace", "id": 2, "type": "User"},
    }


def check_suite(of: str = ONE, *, action: str = "completed", conclusion: str | None = "success") -> dict[str, Any]:
    suite = {"id": 5, "head_branch": "main", "head_sha": of, "status": "completed", "conclusion": conclusion}
    return {"action": action, "check_suite": suite, "repository": repository()}


def check_run(of: str = ONE, *, action: str = "completed", conclusion: str | None = "success") -> dict[str, Any]:
    run = {"id": 6, "name": "tests", "head_sha": of, "status": "completed", "conclusion": conclusion}
    return {"action": action, "check_run": run, "repository": repository()}


def status(of: str = ONE, *, state: str = "success") -> dict[str, Any]:
    return {"id": 8, "sha": of, "name": NAME, "context": "ci/tests", "state": state, "repository": repository()}


def ping() -> dict[str, Any]:
    return {
        "zen": "Keep it logically awesome.",
        "hook_id": 1,
        "hook": {"type": "Repository"},
        "repository": repository(),
    }


def signed(secret: str, body: bytes) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def delivery(
    secret: str, event: str, payload: Any, *, guid: str = "", is_form: bool = False
) -> tuple[bytes, dict[str, str]]:
    """Body and headers."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    kind = "application/json"
    if is_form:
        body, kind = urlencode({"payload": body}).encode(), "application/x-www-form-urlencoded"
    headers = {
        "Content-Type": kind,
        "User-Agent": "GitHub-Hookshot/0a1b2c3",
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": guid or str(uuid.uuid4()),
        "X-GitHub-Hook-ID": "1",
        "X-Hub-Signature-256": signed(secret, body),
    }
    return body, headers
