"""Pipes without blocking the event loop."""

import asyncio
import os
from typing import Any


async def write_all(loop: asyncio.AbstractEventLoop, fd: int, data: bytes) -> None:
    os.set_blocking(fd, False)
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except BlockingIOError:
            await _ready(loop.add_writer, loop.remove_writer, fd)


async def read_line(loop: asyncio.AbstractEventLoop, fd: int) -> bytes:
    os.set_blocking(fd, False)
    data = b""
    while b"\n" not in data:
        try:
            piece = os.read(fd, 1 << 16)
        except BlockingIOError:
            await _ready(loop.add_reader, loop.remove_reader, fd)
            continue
        if not piece:
            break
        data += piece
    return data


def settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


async def _ready(add: Any, remove: Any, fd: int) -> None:
    ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    add(fd, settle, ready)
    try:
        await ready
    finally:
        remove(fd)
