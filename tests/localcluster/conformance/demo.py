"""The program in the recorder's images: a web server, or `migrate`, `migrate-fail`, `sleep SECONDS`.

Its environment says how it behaves: PORT, CRASH, OOM, HEALTH_STATUS, LIVE_STATUS, SLOW_START_S.
"""

import os
import signal
import socket
import sys
import time

SLOW_START_SHARE = 0.4
"""Of SLOW_START_S: long enough for several failed probes."""
MIGRATION = 1.0
"""Seconds: long enough to be seen running."""
CHUNK = 4 << 20
MOST = 160 << 20
"""Bytes: a cluster that kills nobody shall not lose its machine."""


def serve() -> None:
    born = time.monotonic()
    with socket.create_server(("127.0.0.1", int(os.environ["PORT"])), backlog=64) as server:
        server.settimeout(0.1 if os.environ.get("OOM") else None)
        hoard: list[bytearray] = []
        while True:
            if os.environ.get("OOM") and time.monotonic() > born + 1 and len(hoard) * CHUNK < MOST:
                hoard.append(bytearray(b"x" * CHUNK))
            try:
                client, _ = server.accept()
            except TimeoutError:
                continue
            with client:
                client.settimeout(1)
                try:
                    answer(client, time.monotonic() - born)
                except (OSError, IndexError):  # somebody who only looked whether we listen
                    continue


def answer(client: socket.socket, age: float) -> None:
    path = client.recv(65536).split(b" ")[1].decode()
    status = os.environ.get("LIVE_STATUS" if path == "/live" else "HEALTH_STATUS", "200")
    if path == "/health" and age < float(os.environ.get("SLOW_START_S", "0")) * SLOW_START_SHARE:
        status = "503"
    head = f"HTTP/1.1 {status} Demo\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    client.sendall(head.encode())


def migrate(*, fail: bool) -> None:
    say("migrate: start v2")
    time.sleep(MIGRATION)
    if fail:
        say('migrate: error: relation "users" does not exist')
        sys.exit(3)
    say("migrate: applied 0001_init")
    say("migrate: done")


def sleep(seconds: float) -> None:
    """As the first process of a container sleeps, which has no default action for SIGTERM."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(seconds)


def say(line: str) -> None:
    print(line, flush=True)


def main(words: list[str]) -> None:
    if words[:1] == ["sleep"]:
        sleep(float(words[1]))
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    if words:
        migrate(fail=words == ["migrate-fail"])
    elif os.environ.get("CRASH"):
        sys.exit(1)
    else:
        serve()


main(sys.argv[1:])
