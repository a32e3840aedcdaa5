"""From a name to a socket: happy eyeballs over all addresses (RFC 8305), and what went wrong in words.

Rules: every address is tried; the next one starts when one has failed, or after 250 ms of silence; the first to connect
wins and the others are closed, also when we are cancelled.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import TYPE_CHECKING

from ..._model.errors import ConnectFailed, TimedOut

if TYPE_CHECKING:
    from ..._model.url import Url
    from .resolve import Address, Resolver

STAGGER = 0.25  # seconds (RFC 8305 section 8, "Connection Attempt Delay")

_REASONS = {
    errno.ECONNREFUSED: "connection refused",
    errno.ENETUNREACH: "network unreachable",
    errno.EHOSTUNREACH: "host unreachable",
    errno.ECONNRESET: "connection reset",
    errno.EADDRNOTAVAIL: "no address of that family here",
    errno.EMFILE: "too many open files in this process",
}


async def connect(resolver: Resolver, host: str, port: int, url: Url) -> socket.socket:
    """Connect to a host. Raises ConnectFailed, or TimedOut when the system itself gave up waiting."""
    loop = asyncio.get_running_loop()
    try:
        addresses = await resolver.resolve(host, port)
    except (OSError, UnicodeError) as error:  # UnicodeError: a label too long for the IDNA codec inside getaddrinfo
        why = getattr(error, "strerror", None) or str(error)
        raise ConnectFailed(f"the name `{host}` was not resolved: {why}", url=url) from error
    if len(addresses) == 1:
        try:
            return await _attempt(loop, addresses[0])
        except OSError as error:
            errors = [error]
    else:
        winner, errors = await _race(loop, addresses)
        if winner is not None:
            return winner
    resolver.forget(host, port)
    reasons = ", ".join(dict.fromkeys(_reason(error) for error in errors))
    where = f"host `{host}` port {port}"
    if all(isinstance(error, TimeoutError) for error in errors):
        raise TimedOut(f"{where} did not take the connection", url=url) from errors[0]
    raise ConnectFailed(f"{where}: {reasons}", url=url) from errors[0]


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


def _reason(error: OSError) -> str:
    return _REASONS.get(error.errno or 0) or error.strerror or str(error)
