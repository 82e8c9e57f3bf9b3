"""RQ's workers, made to die with their parent and to hand rollouts over."""

import ctypes
import os
import signal
import sys
from typing import Any

from django.db import connections
from rq import SimpleWorker, Worker

from releases import host

PR_SET_PDEATHSIG = 1


def die_with(parent: int) -> None:
    """The kernel kills this process when `parent`, which started it, ends; a fork does not inherit that."""
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before we could ask
        os.kill(os.getpid(), signal.SIGKILL)


class BuildWorker(Worker):
    """Forks for each build. An orphaned fork would go on building beside the one that takes over."""

    def main_work_horse(self, *args: Any, **kwargs: Any) -> None:
        die_with(self.pid or 0)
        super().main_work_horse(*args, **kwargs)


class RolloutWorker(SimpleWorker):
    """Takes rollouts without waiting for them; on SIGTERM hands all over within moments."""

    @property
    def dequeue_timeout(self) -> int:
        """Seconds. A SIGTERM that comes right before the queue is asked is only looked at afterwards."""
        return 1

    def perform_job(self, *args: Any, **kwargs: Any) -> bool:
        """This process lives long: what its database has cut meanwhile must not be used for the next job."""
        connections.close_all()
        try:
            return super().perform_job(*args, **kwargs)
        finally:
            connections.close_all()

    def handle_warm_shutdown_request(self) -> None:
        super().handle_warm_shutdown_request()
        host.host.stop.set()

    def teardown(self) -> None:
        try:
            super().teardown()
        finally:
            host.stop()
