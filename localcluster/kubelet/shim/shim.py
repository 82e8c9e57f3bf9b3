"""The program: starts one container's process, writes down what it prints and how it ends.

Runs by itself (`python -I -S shim.py LIFELINE_FD`), outlives localcluster, and imports little, because there is one for
every process. Reads its orders as one JSON document from standard input until end of file (they are never on a command
line or a disk): `{"argv", "env", "cwd", "state", "exit", "log", "log_limit"}`; the last five are paths and a number of
bytes. Answers one JSON line on standard output: `{"pid", "ticks", "startedAt", "shim", "shimTicks"}`, or `{"error"}` in
the words of runc.

SIGTERM is passed on to the process group, SIGUSR1 becomes SIGKILL for everything below. End of file on the lifeline, a
pipe whose write end only the supervisor holds, ends everything: SIGTERM, then SIGKILL. The exit is recorded durably in
the file `exit`, as `{"code", "signal", "orphaned", "startedAt", "finishedAt"}`.
"""

# pathlib would cost every process megabytes and milliseconds.

import contextlib
import ctypes
import json
import os
import signal
import sys

# Isolated mode finds the standard library only.
sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))))

from localcluster.kubelet.shim.keeper import Keeper
from localcluster.kubelet.shim.output import Log, stamp
from localcluster.kubelet.shim.program import CannotStart, start, start_ticks

PR_SET_CHILD_SUBREAPER = 36


def write_durably(path: str, document: dict) -> None:
    temporary = f"{path}.new"
    with open(temporary, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        json.dump(document, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def tell(answer: dict) -> None:
    """Answers whoever started us, who may be gone by now."""
    with contextlib.suppress(OSError):
        os.write(1, json.dumps(answer).encode() + b"\n")
        null = os.open("/dev/null", os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(null, 1)
        os.dup2(null, 2)


def main() -> int:
    lifeline = int(sys.argv[1])
    os.set_inheritable(lifeline, False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        orders = json.loads(sys.stdin.buffer.read())
    except ValueError:
        return 1  # who gave the orders died over them
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        # Whoever creates this file runs the container: two localclusters never start the same one twice.
        os.close(os.open(orders["state"], os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        log = Log(orders["log"], orders["log_limit"])
        pid, out, err = start(orders)
    except (CannotStart, OSError, ValueError) as error:
        tell({"error": str(error)})
        return 1
    keeper = Keeper(pid, lifeline, log, (out, err))
    started = stamp()
    with contextlib.suppress(OSError):
        document = {"pid": pid, "ticks": start_ticks(pid), "startedAt": started}
        document |= {"shim": os.getpid(), "shimTicks": start_ticks(os.getpid())}
        write_durably(orders["state"], document)
        tell(document)
    status = keeper.watch()
    code = os.waitstatus_to_exitcode(status)
    end = {"code": code if code >= 0 else 128 - code, "signal": max(0, -code), "orphaned": keeper.orphaned}
    write_durably(orders["exit"], end | {"startedAt": started, "finishedAt": stamp()})
    return 0


if __name__ == "__main__":
    sys.exit(main())
