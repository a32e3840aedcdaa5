"""Happy eyeballs over the addresses of one host (RFC 8305): the first that connects wins. On asyncio.

Rules: every address is tried; the next one starts when one has failed, or after 250 ms of silence; the others are
closed, also when we are cancelled. asyncio's own race (``happy_eyeballs_delay``) loses the socket that has just
connected when it is cancelled in the same turn of the loop.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any

Address = tuple[int, tuple[Any, ...]]  # family, and what connect() takes

STAGGER = 0.25  # seconds (RFC 8305 section 8, "Connection Attempt Delay")


async def race(loop: asyncio.AbstractEventLoop, addresses: list[Address]) -> tuple[socket.socket | None, list[OSError]]:
    """Give the first socket that connects, or the errors of all."""
    if len(addresses) == 1:
        try:
            return await _attempt(loop, addresses[0]), []
        except OSError as error:
            return None, [error]
    return await _race(loop, addresses)


async def _attempt(loop: asyncio.AbstractEventLoop, address: Address) -> socket.socket:
    family, place = address
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setblocking(False)  # noqa: FBT003 - the socket's own API
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await loop.sock_connect(sock, place)
    except BaseException:
        sock.close()
        raise
    return sock


async def _race(
    loop: asyncio.AbstractEventLoop, addresses: list[Address]
) -> tuple[socket.socket | None, list[OSError]]:
    """Give the first socket that connects, or the errors of all."""
    errors: list[OSError] = []
    running: set[asyncio.Task[socket.socket]] = set()
    waiting = list(reversed(addresses))
    winner: socket.socket | None = None
    try:
        while waiting or running:
            if waiting:
                running.add(loop.create_task(_attempt(loop, waiting.pop())))
            pause = STAGGER if waiting else None
            done, _ = await asyncio.wait(running, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                running.discard(task)
                error = task.exception()
                if error is None:
                    running |= done - {task}  # another may have won in the same turn of the loop
                    winner = task.result()
                    return winner, []
                if not isinstance(error, OSError):
                    raise error
                errors.append(error)
        return None, errors
    finally:
        for task in running:
            task.cancel()
            task.add_done_callback(_close_late_winner)
        if running:
            try:
                await asyncio.wait(running)
            except BaseException:
                if winner is not None:
                    winner.close()
                raise


def _close_late_winner(task: asyncio.Task[socket.socket]) -> None:
    if not task.cancelled() and task.exception() is None:
        task.result().close()
