"""What GitHub's refusals mean (docs.github.com/rest/using-the-rest-api: rate limits, troubleshooting)."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from releases.errors import GitHubError, GitHubUnavailable

WORDS_MAX = 300
# A secondary limit that names no time: at least a minute.
UNNAMED_WAIT = timedelta(minutes=1)
# A time further away than this is a mistake of somebody's.
LONGEST_WAIT = timedelta(hours=2)

MEANINGS = {
    401: "GitHub does not accept the token or key: it has expired, was revoked, or is another's",
    403: "GitHub forbids it: the token or App lacks the right",
    404: "GitHub knows no such thing, or we may not see it",
    409: "GitHub refuses it for now",
    410: "GitHub has it no more",
    422: "GitHub does not take what was sent",
    451: "GitHub may not give it, for legal reasons",
}


def error_of(status: int, headers: Mapping[str, str], content: bytes, *, now: datetime) -> GitHubError:
    """The error of ours that an answer with this status is."""
    words = _words(content)
    if status in (403, 429):
        retry_at = _limited_until(status, headers, words, now)
        if retry_at:
            until = retry_at.astimezone(UTC).strftime("%H:%M:%S UTC")
            return GitHubUnavailable(f"GitHub limits us until {until}: {words}", status=status, retry_at=retry_at)
    if status >= 500:
        return GitHubUnavailable(
            f"GitHub is in trouble ({status}): {words}", status=status, retry_at=_after(headers, now)
        )
    if status in (301, 302, 303, 307, 308):
        return GitHubError("The repository has another name now: ask for it by its number.", status=status)
    meaning = MEANINGS.get(status, f"GitHub answered {status}")
    return GitHubError(f"{meaning}: {words}" if words else f"{meaning}.", status=status)


def _limited_until(status: int, headers: Mapping[str, str], words: str, now: datetime) -> datetime | None:
    """None for a 403 that is about rights."""
    after = _after(headers, now)
    if after:
        return after
    if headers.get("X-RateLimit-Remaining") == "0" and headers.get("X-RateLimit-Reset", "").isdigit():
        reset = datetime.fromtimestamp(min(int(headers["X-RateLimit-Reset"]), 2**33), UTC)
        return min(max(reset, now), now + LONGEST_WAIT)
    if status == 429 or "rate limit" in words.lower():
        return now + UNNAMED_WAIT
    return None


def _after(headers: Mapping[str, str], now: datetime) -> datetime | None:
    seconds = headers.get("Retry-After", "")
    return now + min(timedelta(seconds=int(seconds[:9])), LONGEST_WAIT) if seconds.isdigit() else None


def _words(content: bytes) -> str:
    """GitHub's message, and what its list of errors says more."""
    try:
        answer = json.loads(content)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        return ""
    more = answer.get("errors")
    said = [answer.get("message"), *map(_fault, more if isinstance(more, list) else [])]
    text = "; ".join(str(each) for each in said if each)
    return "".join(sign if sign.isprintable() else " " for sign in text)[:WORDS_MAX]


def _fault(error: Any) -> str:
    if not isinstance(error, dict):
        return str(error)
    return str(error.get("message") or " ".join(str(error[key]) for key in ("field", "code") if key in error))
