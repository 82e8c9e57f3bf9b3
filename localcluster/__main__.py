"""Runs the cluster: `python -m localcluster --home DIR --images DIR --kubeconfig FILE --port N --door-port M`."""

import argparse
import asyncio
import contextlib
import fcntl
import os
import signal
import socket
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

from localcluster import credentials
from localcluster.bootstrap import bootstrap
from localcluster.machinery import Machinery
from localcluster.server import app as server
from localcluster.server import transport as server_transport
from localcluster.store.store import Store


def main() -> int:
    """Gives the exit status: 0 after SIGTERM, SIGINT or the end of the lifeline, 1 when it cannot start."""
    os.umask(0o077)
    options = _options()
    try:
        options.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _only_one(options.home):
            return asyncio.run(_run(options))
    except (OSError, sqlite3.DatabaseError) as error:
        print(f"localcluster: {error}", file=sys.stderr)
        return 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="localcluster", description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="folder of its own state")
    parser.add_argument("--images", type=Path, required=True, help="folder of the image folders")
    parser.add_argument("--kubeconfig", type=Path, required=True, help="file to write once the API listens")
    parser.add_argument("--port", type=int, required=True, help="port of the API on 127.0.0.1")
    parser.add_argument("--door-port", type=int, required=True, help="port of the ingress door on 127.0.0.1")
    parser.add_argument("--lifeline", type=int, metavar="FD", help="read end of a pipe; its end is ours")
    backoff = "first delay after a crash or a failed pull; doubles up to 30 times that"
    parser.add_argument("--restart-backoff", type=float, default=10.0, metavar="SECONDS", help=backoff)
    return parser.parse_args()


@contextlib.contextmanager
def _only_one(home: Path) -> Iterator[None]:
    """Holds the home for this process. Raises OSError when another one has it."""
    with (home / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OSError(f"another localcluster runs in {home}") from None
        yield


async def _run(options: argparse.Namespace) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if options.lifeline is not None:
        loop.add_reader(options.lifeline, _watch_lifeline, options.lifeline, stop)
    try:
        listener = server_transport.listen(options.port)
    except OSError as error:
        raise OSError(f"cannot listen on port {options.port}: {error.strerror}") from None
    store = Store(options.home / "objects.sqlite")
    try:
        await _serve(options, store, listener, stop)
    finally:
        store.close()
    return 0


def _watch_lifeline(descriptor: int, stop: asyncio.Event) -> None:
    if not os.read(descriptor, 1024):
        asyncio.get_running_loop().remove_reader(descriptor)
        stop.set()


async def _serve(options: argparse.Namespace, store: Store, listener: socket.socket, stop: asyncio.Event) -> None:
    keys = credentials.prepare(options.home)
    bootstrap(store)
    machinery = Machinery(
        store,
        home=options.home,
        images=options.images,
        door_port=options.door_port,
        lifeline=options.lifeline,
        restart_backoff=options.restart_backoff,
    )
    api = server.Api(store, machinery, keys.token)
    web = server_transport.make_server(api, keys)
    await machinery.start()
    serving = asyncio.create_task(web.serve(sockets=[listener]))
    try:
        while not web.started and not serving.done():  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.005)
        credentials.write_kubeconfig(options.kubeconfig, options.port, keys)
        print(f"localcluster: ready on https://127.0.0.1:{options.port} (for development and tests only)", flush=True)
        waiting = asyncio.create_task(stop.wait())
        await asyncio.wait([waiting, serving], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
    finally:
        api.stop()
        web.should_exit = True
        await serving
        await machinery.stop()


if __name__ == "__main__":
    sys.exit(main())
