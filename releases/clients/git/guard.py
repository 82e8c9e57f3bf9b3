"""Runs a program that must not outlive the one who started us, with all that it starts.

Called as `guard.py LIFELINE PROGRAM ARGUMENT…` in a session of its own. LIFELINE is the reading end of a pipe whose
other end only our starter holds: when that closes, even by SIGKILL, the kernel tells us, and the whole group ends. A
death signal (prctl) would reach the program, but not what it started in turn. Stands alone: it is run, not imported.
"""

import os
import signal
import subprocess
import sys
import threading


def main() -> int:
    lifeline = int(sys.argv[1])
    threading.Thread(target=end_with, args=(lifeline,), daemon=True).start()
    try:
        return subprocess.call(sys.argv[2:])
    except OSError as error:
        print(f"{sys.argv[2]}: {error.strerror}", file=sys.stderr)
        return 127


def end_with(lifeline: int) -> None:
    os.read(lifeline, 1)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code if code >= 0 else 128 - code)
