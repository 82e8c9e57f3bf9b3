"""Counts in a file of its volume, for ever. `--prepare` makes the file if there is none, and ends."""

import os
import signal
import sys
import threading
from pathlib import Path

# The local cluster says in VOLUME_DATA where the volume is; a real one has it at the manifest's path.
FILE = Path(os.environ.get("VOLUME_DATA", "/data")) / "count"


def main() -> None:
    if "--prepare" in sys.argv:
        if FILE.parent.is_dir() and not FILE.exists():
            FILE.write_text("0")
        return
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    while not stopped.wait(1):
        FILE.write_text(str(int(FILE.read_text()) + 1))


if __name__ == "__main__":
    main()
