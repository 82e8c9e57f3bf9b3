"""Hear the nudges of a group: one subscription per group and web process, shared by all sockets that want it."""

import asyncio
import logging
from contextlib import suppress
from typing import Any, Self

from channels.layers import get_channel_layer

logger = logging.getLogger(__name__)

JOIN_AGAIN_SECONDS = 2.0


class _Ear:
    """Listens for one group. Redis may be away, at the beginning or later: it joins again until that works."""

    def __init__(self, group: str) -> None:
        self.group = group
        self.listeners: set[Nudges] = set()
        self.joined = False
        self.task = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        layer = get_channel_layer()
        while True:
            channel = ""
            try:
                channel = await layer.new_channel()
                await layer.group_add(self.group, channel)
                self.joined = True
                self._tell()  # what was said before we had joined
                while True:
                    await layer.receive(channel)
                    self._tell()
            except Exception as error:  # whatever the layer's client raises
                logger.debug("no nudges for %s: %s", self.group, error)
            finally:
                self.joined = False
                if channel:
                    await _leave(layer, self.group, channel)
            await asyncio.sleep(JOIN_AGAIN_SECONDS)

    def _tell(self) -> None:
        for listener in self.listeners:
            listener.heard.set()


async def _leave(layer: Any, group: str, channel: str) -> None:
    try:
        await asyncio.wait_for(layer.group_discard(group, channel), 1)
    except Exception as error:
        logger.debug("could not leave %s: %s", group, error)


_ears: dict[tuple[asyncio.AbstractEventLoop, str], _Ear] = {}


class Nudges:
    """`async with Nudges(group) as nudges: await nudges.wait(seconds)`. What comes between two waits is kept."""

    def __init__(self, group: str) -> None:
        self.group = group
        self.heard = asyncio.Event()

    async def __aenter__(self) -> Self:
        key = (asyncio.get_running_loop(), self.group)
        self.ear = _ears.get(key) or _ears.setdefault(key, _Ear(self.group))
        self.ear.listeners.add(self)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.ear.listeners.discard(self)
        if not self.ear.listeners:
            _ears.pop((asyncio.get_running_loop(), self.group), None)
            self.ear.task.cancel()

    @property
    def reliable(self) -> bool:
        return self.ear.joined

    async def wait(self, seconds: float) -> None:
        """Until the next nudge, at most `seconds`."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.heard.wait(), seconds)
        self.heard.clear()
