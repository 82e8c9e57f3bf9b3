"""Tell followers that there is something new.

A nudge carries no data: a repeated one is harmless, a lost one is made good.
"""

import asyncio
import logging
import os
import threading
from concurrent.futures import Future, wait

from channels.layers import get_channel_layer
from django.db import transaction

from releases.models import Cluster

logger = logging.getLogger(__name__)


class _Sender:
    """One event loop per process, in a thread of its own: the layer's connections belong to a loop and last with it."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.loop = asyncio.new_event_loop()
        self.pending: dict[str, Future] = {}
        self.lock = threading.Lock()
        threading.Thread(target=self.loop.run_forever, name="nudges", daemon=True).start()

    def send(self, group: str) -> None:
        with self.lock:
            if group in self.pending:
                return  # one that has not been sent yet says the same
            self.pending[group] = asyncio.run_coroutine_threadsafe(self._send(group), self.loop)

    async def _send(self, group: str) -> None:
        with self.lock:
            self.pending.pop(group, None)
        try:
            layer = get_channel_layer()
            await asyncio.wait_for(layer.group_send(group, {"type": "nudge", "group": group}), timeout=5)
        except Exception as error:
            logger.debug("nudge to %s was lost: %s", group, error)


_sender: _Sender | None = None
_lock = threading.Lock()


def nudge(group: str) -> None:
    """Never raises, never blocks. Groups: letters, digits, `.`, `-` and `_`, under 100 characters."""
    _own_sender().send(group)


def flush(timeout: float = 2.0) -> None:
    """Wait until what was said is sent: for a process that is about to end."""
    sender = _own_sender()
    with sender.lock:
        pending = list(sender.pending.values())
    wait(pending, timeout=timeout)
    # A coroutine leaves `pending` when it begins to send, so let one more round of the loop pass behind it.
    asyncio.run_coroutine_threadsafe(asyncio.sleep(0.02), sender.loop).result(timeout)


def _own_sender() -> _Sender:
    global _sender
    with _lock:
        if _sender is None or _sender.pid != os.getpid():  # a forked process has the object, but not its thread
            _sender = _Sender()
        return _sender


def pages_changed(app_id: int) -> None:
    """Pages that show this app (its own, its rollouts', its builds') and the list of apps draw themselves anew.

    Once what was changed is committed.
    """

    _tell([f"page.app-{app_id}", "page.apps"])


def cluster_changed(cluster: Cluster) -> None:
    """Pages that show this cluster draw themselves anew: its own, the lists, and those of the apps that live in it.

    Once what was changed is committed.
    """
    apps = [f"page.app-{app_id}" for app_id in cluster.apps.values_list("pk", flat=True)]
    _tell([f"page.cluster-{cluster.pk}", "page.clusters", "page.apps", *apps])


def _tell(groups: list[str]) -> None:
    def tell() -> None:
        for group in groups:
            nudge(group)

    transaction.on_commit(tell, robust=True)
