"""Questions to clusters on behalf of a page: asked in threads, once for all who watch, and never waited for long."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from functools import partial
from time import monotonic
from typing import Any

from django.db import close_old_connections
from django.utils import timezone

from releases.models import App

# A page does not wait longer for the cluster than this; its live update brings what came later.
PATIENCE_SECONDS = 0.8
KEPT_SECONDS = 600.0  # an answer for which nobody asks any more
AT_ONCE = 4  # per cluster: one that is deaf keeps no other from being asked

_pools: dict[int, ThreadPoolExecutor] = {}
_looks: dict[tuple[str, int], tuple[float, Future]] = {}
_answers: dict[tuple[str, int], tuple[datetime, Any]] = {}
_lock = threading.Lock()


def look(what: str, app: App, ask: Callable[[], Any], *, fresh_seconds: float) -> Future:
    """What `ask` gave last, or will give: one question at a time per app, `what` and web process, and not again within
    `fresh_seconds`."""
    key = (what, app.pk)
    with _lock:
        _forget_old()
        asked_at, future = _looks.get(key, (0.0, None))
        if future is None or (future.done() and monotonic() - asked_at > fresh_seconds):
            future = _pool(app.cluster_id).submit(partial(_ask, key, ask))
            _looks[key] = (monotonic(), future)
        return future


def last_answer(what: str, app: App) -> tuple[datetime, Any] | None:
    """What the cluster said last, and when; None: nothing yet, in this web process."""
    return _answers.get((what, app.pk))


def _forget_old() -> None:
    until = monotonic() - KEPT_SECONDS
    for key in [key for key, (asked_at, future) in _looks.items() if asked_at < until and future.done()]:
        del _looks[key]
        _answers.pop(key, None)


def _pool(cluster_id: int) -> ThreadPoolExecutor:
    if cluster_id not in _pools:
        _pools[cluster_id] = ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix=f"ask-{cluster_id}")
    return _pools[cluster_id]


def _ask(key: tuple[str, int], ask: Callable[[], Any]) -> Any:
    try:
        answer = ask()
        _answers[key] = (timezone.now(), answer)
        return answer
    finally:
        close_old_connections()
