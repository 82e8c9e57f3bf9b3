"""Several pieces of work at once, in threads, while the caller alone speaks and looks whether to stop."""

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Generic, TypeVar

from releases.clients.images.plan import Say

# Pieces of output that wait to be said; who makes more has to wait, so that memory is bounded.
WAITING_MAX = 200
LOOK_SECONDS = 0.25
# What does not end by itself once it is cut is left to its daemon thread.
LEAVE_SECONDS = 1.0

T = TypeVar("T")


class Stopped(Exception):
    """The others failed, or somebody asked: whoever gets this ends."""


class Work(Generic[T]):
    """One piece of work: `do(work)` runs in a thread, says lines, and names what has to be cut when it is to stop."""

    def __init__(self, do: "Callable[[Work[T]], T]", out: "queue.Queue[list[str]]") -> None:
        self._do, self._out = do, out
        self._stopping = threading.Event()
        self._cuts: list[Callable[[], None]] = []
        self.prefix = ""  # of each line
        self.over = False
        self.result: T | None = None
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._run, name="image", daemon=True)

    def say(self, *lines: str) -> None:
        """Raises Stopped."""
        said = [self.prefix + line for line in lines] if self.prefix else list(lines)
        while said:
            self.go_on()
            with suppress(queue.Full):
                self._out.put(said, timeout=LOOK_SECONDS)
                return

    def go_on(self) -> None:
        """Raises Stopped."""
        if self._stopping.is_set():
            raise Stopped

    def on_stop(self, cut: Callable[[], None]) -> None:
        """`cut` must not block. Raises Stopped when it comes too late."""
        self._cuts.append(cut)
        self.go_on()

    def stop(self) -> None:
        self._stopping.set()
        for cut in self._cuts:
            cut()

    def _run(self) -> None:
        try:
            self.result = self._do(self)
        except BaseException as error:
            self.error = error
        self.over = True
        with suppress(queue.Full):
            self._out.put_nowait([])  # wakes who waits for output


def side_by_side(
    doings: Sequence[Callable[[Work[T]], T]], *, limit: int, say: Say, check: Callable[[], None]
) -> list[T]:
    """The results, in the order of `doings`; at most `limit` run at once.

    `say` and `check` are called in this thread only, `check` every quarter of a second. What either raises, or the
    first that any work raises, stops all the others and is raised.
    """
    out: queue.Queue[list[str]] = queue.Queue(WAITING_MAX)
    works = [Work(do, out) for do in doings]
    waiting, running = deque(works), list[Work[T]]()
    looked = 0.0
    try:
        while waiting or running:
            while waiting and len(running) < max(1, limit):
                running.append(waiting.popleft())
                running[-1].thread.start()
            _speak(out, say)
            if time.monotonic() - looked > LOOK_SECONDS:
                check()
                looked = time.monotonic()
            running = [work for work in running if not _is_over(work, out)]
        return [work.result for work in works]  # type: ignore[misc]
    finally:
        _end(works)


def _is_over(work: Work, out: "queue.Queue[list[str]]") -> bool:
    """Raises what the work raised, once all that was said before is said."""
    if not work.over or not out.empty():
        return False
    if work.error is not None:
        raise work.error
    return True


def _speak(out: "queue.Queue[list[str]]", say: Say) -> None:
    """What comes to be said within the time between two looks, or until there is no more for now."""
    until = time.monotonic() + LOOK_SECONDS
    with suppress(queue.Empty):
        lines = out.get(timeout=LOOK_SECONDS)
        while True:
            for line in lines:
                say(line)
            if time.monotonic() > until:
                return
            lines = out.get_nowait()


def _end(works: Sequence[Work]) -> None:
    begun = [work for work in works if work.thread.ident is not None]
    for work in begun:
        if not work.over:
            work.stop()
    deadline = time.monotonic() + LEAVE_SECONDS
    for work in begun:
        work.thread.join(max(0.0, deadline - time.monotonic()))
