"""Plays a recording to a localcluster: the same initial state, requests at the same facts, the same watches."""

import asyncio
import bisect
import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import httpx

from tests.localcluster.conformance.allowances import Allowances
from tests.localcluster.conformance.comparison import Mismatch, compare, missing
from tests.localcluster.conformance.disguise import Disguise, haste, hastened, shortened
from tests.localcluster.conformance.manifests import as_applied
from tests.localcluster.conformance.recording import Action, Change, Object, load
from tests.localcluster.conformance.story import Story, Teller, tell
from tests.localcluster.running import Cluster

WATCHED = {
    "Deployment": "apis/apps/v1/{}/deployments",
    "ReplicaSet": "apis/apps/v1/{}/replicasets",
    "Pod": "api/v1/{}/pods",
    "Event": "api/v1/{}/events",
    "Service": "api/v1/{}/services",
    "EndpointSlice": "apis/discovery.k8s.io/v1/{}/endpointslices",
    "Job": "apis/batch/v1/{}/jobs",
}
QUIET = 9.0
"""Seconds without any change after which nothing is waited for any more; all deadlines and back-offs are shorter."""
LIMIT = 40.0
"""Seconds until a fact of a loop has to come."""
AGED = {"scale": 5.0}
"""Seconds of the initial pods, where the logarithm of their age decides which of them are removed."""
LINGER = 1.0
"""Seconds of watching after all has happened, for what should not; a loop has no such end."""
INTERVAL = 0.15


@dataclass(frozen=True)
class Place:
    """What all players share."""

    cluster: Cluster
    client: httpx.AsyncClient
    disguise: Disguise
    allowances: Allowances


class Player:
    """One scenario, in the namespace of its name."""

    def __init__(self, place: Place, name: str) -> None:
        self.cluster, self.client = place.cluster, place.client
        self.disguise, self.allowances = place.disguise, place.allowances
        self.asked = load(name)
        self.recording = hastened(self.asked)
        self.namespace = name
        self.teller = Teller()
        self._latest: dict[str, Change] = {}
        self._heard: list[Change] = []
        self._changed = asyncio.Event()
        self._last = time.monotonic()
        self._watches: list[asyncio.Task[None]] = []

    async def play(self) -> list[Mismatch]:
        """Gives what differs from the recording in the end."""
        created = await self.client.post("/api/v1/namespaces", json={"metadata": {"name": self.namespace}})
        created.raise_for_status()
        try:
            return await self._play()
        finally:
            await self._stop_watching()
            await self.client.delete(f"/api/v1/namespaces/{self.namespace}")

    async def _play(self) -> list[Mismatch]:
        if self.asked.initial:
            await self._bring_about(self.asked.initial)
            await asyncio.sleep(AGED.get(self.namespace, 0))
        await self._watch()
        for action in self.asked.actions:
            await self._until(self._recorded(action.t), self._ours)
            await self._send(action)
        whole = self._recorded(float("inf"))
        await self._until(whole, self._ours)
        if self.recording.loops:
            return compare(whole, self._first_whole(whole))
        await asyncio.sleep(LINGER)
        return compare(whole, self._ours())

    def _first_whole(self, recorded: Story) -> Story:
        """Our story up to the moment when nothing lacked any more: there the recorder left a loop, which goes on."""

        def until(count: int) -> Story:
            return self._allowed(tell(self._heard[:count]))

        counts = range(len(self._heard))
        return until(bisect.bisect_left(counts, True, key=lambda count: not missing(recorded, until(count))))

    def _recorded(self, t: float) -> Story:
        """What had been recorded before a time."""
        story = tell(self.recording.before(t).changes)
        self.allowances.apply_to_recorded(self.namespace, story)
        return story

    def _ours(self) -> Story:
        return self._allowed(self.teller.story())

    def _present(self) -> Story:
        """What would be told now to somebody who comes late."""
        return self._allowed(tell(replace(change, type="ADDED") for change in self._latest.values()))

    def _allowed(self, story: Story) -> Story:
        self.allowances.apply_to_ours(self.namespace, story)
        return story

    async def _until(self, recorded: Story, ours: Callable[[], Story]) -> None:
        """Waits until all that was recorded has happened here, or nothing happens any more."""
        end = time.monotonic() + LIMIT
        self._last = time.monotonic()
        while missing(recorded, ours()) and time.monotonic() < min(end, self._last + QUIET):
            await self._news(self._last + QUIET)

    async def _news(self, until: float) -> None:
        """Returns after the next changes, which come in swarms, or when the time has come."""
        self._check_watches()
        self._changed.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), max(0.0, until - time.monotonic()))
            await asyncio.sleep(INTERVAL)

    # The initial state

    async def _bring_about(self, objects: list[Object]) -> None:
        """Applies what somebody must have applied, and waits until all is as it was when the watches began."""
        await self._watch()
        for obj in objects:
            if obj["kind"] in ("Service", "Deployment"):
                path = f"/{self._path(obj['kind'])}/{obj['metadata']['name']}?fieldManager=recorder&force=true"
                answer = await self._request("PATCH", path, self._disguised(as_applied(obj, self.asked)), _APPLY)
                assert answer.status_code == 201, answer.text
        await self._until(self._recorded(self.asked.actions[0].t), self._present)

    def _path(self, kind: str) -> str:
        return WATCHED[kind].format(f"namespaces/{self.namespace}")

    def _disguised(self, body: Object) -> Object:
        return self.disguise.put_on(shortened(body, haste(self.asked)))

    # Watching

    async def _watch(self) -> None:
        """Opens all watches anew; returns when they have told the state of the moment."""
        await self._stop_watching()
        self.teller, self._latest, self._heard = Teller(), {}, []
        told = [asyncio.Event() for _ in WATCHED]
        self._watches = [
            asyncio.create_task(self._follow(kind, event)) for kind, event in zip(WATCHED, told, strict=True)
        ]
        all_told = asyncio.gather(*(event.wait() for event in told))
        await asyncio.wait([all_told, *self._watches], timeout=LIMIT, return_when=asyncio.FIRST_COMPLETED)
        self._check_watches()
        assert all_told.done(), "a watch did not tell the initial state"

    def _check_watches(self) -> None:
        for watch in self._watches:
            assert not watch.done(), f"a watch ended: {watch.exception()}"

    async def _stop_watching(self) -> None:
        for watch in self._watches:
            watch.cancel()
        await asyncio.gather(*self._watches, return_exceptions=True)

    async def _follow(self, kind: str, told: asyncio.Event) -> None:
        query = "watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
        async for event in self.cluster.stream(f"/{self._path(kind)}?{query}"):
            if event["type"] == "BOOKMARK":
                told.set()
            else:
                self._hear(Change(time.monotonic(), event["type"], kind, self._seen(event["object"])))

    def _hear(self, change: Change) -> None:
        self.teller.hear(change)
        self._heard.append(change)
        uid = change.object["metadata"]["uid"]
        if change.type == "DELETED":
            self._latest.pop(uid, None)
        else:
            self._latest[uid] = change
        self._last = time.monotonic()
        self._changed.set()

    def _seen(self, obj: Object) -> Object:
        obj["metadata"].pop("managedFields", None)  # the recordings are without them
        return self.disguise.take_off(obj)

    # Acting

    async def _send(self, action: Action) -> None:
        body = self._disguised(action.body) if action.body else None
        answer = await self._request(action.method, self._own_names(action.path), body, action.content_type)
        assert answer.status_code == action.status, f"{action.note}: {answer.status_code} {answer.text}"
        if isinstance(action.response, str):
            assert _texts(answer.text) == _texts(action.response), action.note

    def _own_names(self, path: str) -> str:
        """A path that names the recorder's pod, with ours."""
        head, middle, rest = path.partition("/pods/")
        if not middle:
            return path
        ours = next(change.object for change in self._latest.values() if change.kind == "Pod")
        return f"{head}{middle}{ours['metadata']['name']}/{rest.partition('/')[2]}"

    async def _request(self, method: str, path: str, body: Any, content_type: str | None) -> httpx.Response:
        headers = {"content-type": content_type} if content_type else {}
        content = json.dumps(body) if body is not None else None
        return await self.client.request(method, path, content=content, headers=headers)


_APPLY = "application/apply-patch+yaml"


def _texts(log: str) -> list[str]:
    """The lines of a log without their times."""
    return [line.partition(" ")[2] for line in log.splitlines()]
