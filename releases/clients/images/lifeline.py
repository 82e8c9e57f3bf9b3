"""Run as a program: carries out a command, and kills it with all its children when whoever started this is gone.

    python lifeline.py <descriptor> <command> …

The descriptor is the read end of a pipe that only the starter holds open for writing: the kernel closes that however
the starter ends, and nobody inherits it. This process leads a group of its own, with the command in it.
"""

import os
import select
import signal
import subprocess
import sys


def main() -> None:
    pipe, *command = sys.argv[1:]
    ended, ending = os.pipe()
    os.set_blocking(ending, False)
    signal.set_wakeup_fd(ending)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    try:
        child = subprocess.Popen(command)
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}")
    while child.poll() is None:
        readable, _, _ = select.select([int(pipe), ended], [], [])
        if int(pipe) in readable:
            os.killpg(0, signal.SIGKILL)
        os.read(ended, 512)
    sys.exit(child.returncode if child.returncode >= 0 else 128 - child.returncode)


if __name__ == "__main__":
    main()
