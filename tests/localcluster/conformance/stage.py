"""Plays several scenarios at once, in the background, each in a namespace of its own on one localcluster."""

import asyncio
import threading
from collections.abc import Iterable
from concurrent.futures import Future
from typing import Any

from tests.localcluster.conformance.allowances import Allowances
from tests.localcluster.conformance.comparison import Mismatch
from tests.localcluster.conformance.disguise import Disguise
from tests.localcluster.conformance.player import Place, Player
from tests.localcluster.running import Cluster

AT_ONCE = 6
"""Scenarios: most of their time they wait, but two cores start all their programs."""


class Stage:
    """A context: inside, all scenarios of `names` are being played or have been, in this order."""

    def __init__(self, cluster: Cluster, disguise: Disguise, allowances: Allowances, names: Iterable[str]) -> None:
        self.cluster, self.disguise, self.allowances = cluster, disguise, allowances
        self._results: dict[str, Future[list[Mismatch]]] = {name: Future() for name in names}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=[self._play()], daemon=True)

    def __enter__(self) -> "Stage":
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._loop.call_soon_threadsafe(self._stop)
        self._thread.join()
        self._loop.close()

    @property
    def names(self) -> list[str]:
        return list(self._results)

    def result(self, name: str) -> list[Mismatch]:
        """What differed; waits until the scenario has been played. Raises what the player raised."""
        return self._results[name].result()

    def _stop(self) -> None:
        for task in asyncio.all_tasks(self._loop):
            if task.get_name() in self._results:
                task.cancel()

    async def _play(self) -> None:
        seats = asyncio.Semaphore(AT_ONCE)
        async with self.cluster.async_client() as client:
            place = Place(self.cluster, client, self.disguise, self.allowances)
            plays = [asyncio.create_task(self._one(place, name, seats), name=name) for name in self._results]
            await asyncio.gather(*plays, return_exceptions=True)

    async def _one(self, place: Place, name: str, seats: asyncio.Semaphore) -> None:
        try:
            async with seats:
                found = await Player(place, name).play()
        except BaseException as error:
            self._results[name].set_exception(error)
            raise
        self._results[name].set_result(found)
