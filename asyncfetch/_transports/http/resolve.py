"""Names to addresses: one question for all who ask at the same time, its answer kept for a few seconds.

A thousand fetches from one host that begin together would otherwise be a thousand lookups in a thread each. The cache
is short because names move: it bridges a burst, it does not replace the resolver of the machine.

Rules: THREADS questions may be under way at a time; who is cancelled leaves at once, and the question goes on alone
(`_transports.names`).
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from ..names import ask_aside

CACHE_SECONDS = 5.0
THREADS = 32  # questions under way, those included that nobody waits for any more
_CACHE_LIMIT = 1024  # names

Address = tuple[int, tuple[Any, ...]]  # family, and what connect() takes


class Resolver:
    """Resolves names on one loop."""

    __slots__ = ("_known", "_loop", "_pending", "_places")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._known: dict[tuple[str, int], tuple[float, list[Address]]] = {}
        self._pending: dict[tuple[str, int], _Lookup] = {}
        self._places = asyncio.Semaphore(THREADS)

    async def resolve(self, host: str, port: int) -> list[Address]:
        """Give the addresses of a host, families taking turns (RFC 8305 section 4). Raises OSError."""
        literal = _literal(host, port)
        if literal is not None:
            return [literal]
        key = host, port
        known = self._known.get(key)
        if known is not None and self._loop.time() < known[0]:
            return known[1]
        lookup = self._pending.get(key)
        if lookup is None:
            task = self._loop.create_task(self._look_up(host, port))
            self._pending[key] = lookup = _Lookup(task)
        lookup.waiting += 1
        try:
            # wait, unlike await, leaves the task alone when we are cancelled: others may wait for it too
            await asyncio.wait([lookup.task])
        finally:
            lookup.waiting -= 1
            if lookup.waiting == 0 and self._pending.get(key) is lookup:
                del self._pending[key]
                if not lookup.task.cancel() and not lookup.task.cancelled():
                    lookup.task.exception()  # looked at, or asyncio complains when all who waited were cancelled
        return lookup.task.result()

    async def _look_up(self, host: str, port: int) -> list[Address]:
        await self._places.acquire()
        found = await ask_aside(self._loop, host, port, self._places.release)
        addresses = _interleave([(int(family), address) for family, _, _, _, address in found])
        if len(self._known) >= _CACHE_LIMIT:
            self._known.clear()
        self._known[host, port] = self._loop.time() + CACHE_SECONDS, addresses
        return addresses

    def forget(self, host: str, port: int) -> None:
        """Ask anew next time: none of the addresses known answered."""
        self._known.pop((host, port), None)


class _Lookup:
    __slots__ = ("task", "waiting")

    def __init__(self, task: asyncio.Task[list[Address]]) -> None:
        self.task = task
        self.waiting = 0


def _literal(host: str, port: int) -> Address | None:
    """Read a host that is an address already: no thread is needed for it."""
    try:
        if ":" in host:
            socket.inet_pton(socket.AF_INET6, host)
            return socket.AF_INET6, (host, port, 0, 0)
        socket.inet_pton(socket.AF_INET, host)
    except OSError:
        return None
    return socket.AF_INET, (host, port)


def _interleave(addresses: list[Address]) -> list[Address]:
    """Let the families take turns, beginning with the one the machine prefers; no address twice."""
    families: dict[int, list[Address]] = {}
    for address in dict.fromkeys(addresses):
        families.setdefault(address[0], []).append(address)
    mixed = []
    queues = list(families.values())
    while queues:
        mixed += [queue.pop(0) for queue in queues]
        queues = [queue for queue in queues if queue]
    return mixed
