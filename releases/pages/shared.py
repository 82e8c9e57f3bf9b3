"""One answer for all who ask at the same time."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")


class Shared(Generic[T]):
    """Asks at most once at a time, for everybody who waits; nobody gets an answer that was begun before they asked.

    A nudge makes every browser's socket draw at once: what they all draw is then read twice, not twenty times.
    """

    def __init__(self, ask: Callable[[], T]) -> None:
        self.ask = ask
        self.lock, self.turn = threading.Lock(), threading.Lock()
        self.next: Future[T] | None = None

    def get(self) -> T:
        """Raises what `ask` raises."""
        with self.lock:
            leads, answer = self.next is None, self.next or Future()
            self.next = answer
        if leads:
            self._lead(answer)
        return answer.result()

    def _lead(self, answer: Future[T]) -> None:
        with self.turn:
            with self.lock:
                self.next = None  # who comes from here on waits for the next one
            try:
                answer.set_result(self.ask())
            except BaseException as error:
                answer.set_exception(error)
