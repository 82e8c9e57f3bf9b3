"""Whether and when a container is started again (recordings crash-loop, bad-command, job-retries)."""

import time

from localcluster import clock
from localcluster.kubelet import messages
from localcluster.kubelet.backoff import Backoff
from localcluster.kubelet.process import Exit
from localcluster.kubelet.voice import Voice

CRASH_LOOP = "CrashLoopBackOff"
FIRST_SHARE = 0.1
"""The part of a back-off, a second at most, after which the status speaks of it."""


class Restarts:
    """Of one container. `policy` is `Always`, `OnFailure` or `Never`."""

    def __init__(self, policy: str, backoff: Backoff, voice: Voice) -> None:
        self.policy, self.backoff, self.voice = policy, backoff, voice

    def over(self, ended: Exit) -> bool:
        """Whether that was its last end."""
        if self.voice.stopping.is_set() or self.policy == "Never":
            return True
        return self.policy == "OnFailure" and ended.code == 0

    async def again(self, ended: Exit) -> bool:
        """Waits until it is to be started again; False if it is not."""
        if self.over(ended):
            return False
        if self.backoff.is_long(ended.seconds):
            self.backoff.reset()
        # A first failure is made good at once, and the end of the whole machine is not the container's fault.
        if not ended.lost:
            await self._wait(ended)
            if self.voice.stopping.is_set():
                return False
            self.backoff.add()
        status = self.voice.status
        if status.terminated:
            status.last_state = status.state
        status.restart_count += 1
        return True

    async def _wait(self, ended: Exit) -> None:
        """Waits as long as it has failed often; says so first in an Event, then in the status."""
        delay = self.backoff.delay
        until = clock.parse(ended.finished_at).timestamp() + delay
        left = min(delay, until - time.time())
        if left <= 0:
            return
        meta, name, status = self.voice.pod.object["metadata"], self.voice.name, self.voice.status
        if (status.state.get("waiting") or {}).get("reason") != CRASH_LOOP:
            where = f"{meta['name']}_{meta['namespace']}({meta['uid']})"
            event = f"Back-off restarting failed container {name} in pod {where}"
            self.voice.tell("BackOff", event, warning=True)
            await self.voice.sleep(min(1.0, left * FIRST_SHARE))
            if self.voice.stopping.is_set():
                return
            self.voice.tell("BackOff", event, warning=True)
            if status.terminated:
                status.last_state = status.state
            message = f"back-off {messages.duration(delay)} restarting failed container={name} pod={where}"
            self.voice.wait_for(CRASH_LOOP, message)
        await self.voice.sleep(min(delay, until - time.time()))  # the clock may have been put back


def resumed(voice: Voice) -> Exit | None:
    """The end that an earlier localcluster noted, if the container was waiting for its restart since."""
    waiting = voice.status.state.get("waiting") or {}
    last = voice.status.last_state.get("terminated")
    if waiting.get("reason") != CRASH_LOOP or not last:
        return None
    text = str(last.get("message") or "") if last.get("reason") == "StartError" else ""
    return Exit(last["exitCode"], last["startedAt"], last["finishedAt"], start_error=text)
