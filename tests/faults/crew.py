"""The workers that carry the rollouts of a house: hired, killed, put to sleep."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

from tests.journeys.house import House
from tests.journeys.processes import Process
from tests.web_server import ROOT

SUPERVISOR_SECONDS = 0.8


class Crew:
    """Besides the worker that the supervisor keeps, which it starts again ever more slowly the more often it dies."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.hired: list[subprocess.Popen[bytes]] = []

    def hire(self) -> None:
        """One more worker, which needs a second or two to come."""
        command = [sys.executable, "manage.py", "work", "rollouts"]
        with self.house.log.open("ab") as log:
            process = subprocess.Popen(command, cwd=ROOT, env=self.house.environment, stdout=log, stderr=log)
        self.hired.append(process)

    def replace(self, gone: list[int]) -> None:
        """See to it that somebody comes after these. The supervisor starts its worker again at once, or else we do."""
        deadline = time.monotonic() + SUPERVISOR_SECONDS
        while time.monotonic() < deadline:
            if {process.pid for process in self.present()} - set(gone):
                return
            time.sleep(0.1)
        self.hire()

    def present(self) -> list[Process]:
        return self.house.processes("rollouts")

    def strike(self, known: list[int], number: signal.Signals) -> list[int]:
        """A signal to these at once, and then to whoever else is there by now. Gives all that got it."""
        send(known, number)
        late = [process.pid for process in self.present() if process.pid not in known]
        send(late, number)
        return known + late

    def dismiss(self) -> None:
        """Ends those that were hired."""
        for process in self.hired:
            send([process.pid], signal.SIGCONT)
            process.terminate()
        for process in self.hired:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(30)
        self.hired.clear()


def send(pids: list[int], number: signal.Signals) -> None:
    """To all of them, as close together as can be."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
