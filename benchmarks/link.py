"""A long line to a far end on this machine: a round trip of time, a rate for all, a window for each connection.

A process of its own: ``python -m benchmarks.link PORT TARGET RATE RTT WINDOW`` listens on PORT and passes on to TARGET,
both of 127.0.0.1. All connections together come to RATE bytes a second. What one sends us is passed on at once, what it
is sent RTT seconds later, of which at most WINDOW bytes are on their way: so one connection comes to WINDOW / RTT bytes
a second, as one does whose window is full (RFC 9293). A window begins small and doubles each round trip (RFC 5681).
The first answer of a connection takes a round trip more, for the handshake that loopback does not show.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

_FIRST = 10 * 1460  # bytes of the first window (RFC 6928)
_PIECE = 16 * 1024


class Link:
    """What all connections share: a queue that empties at ``rate`` bytes a second."""

    def __init__(self, rate: float, rtt: float, window: int) -> None:
        self.rate, self.rtt, self.window = rate, rtt, window
        self._free = 0.0  # when the last byte that is queued has left

    def leave(self, count: int) -> float:
        """Queue bytes; gives the time at which they arrive."""
        now = asyncio.get_running_loop().time()
        self._free = max(self._free, now) + count / self.rate
        return self._free + self.rtt


class _Flow:
    """One connection."""

    def __init__(self, link: Link, target: int) -> None:
        self._link = link
        self._target = target
        self._window = _FIRST
        self._under_way = 0
        self._room = asyncio.Event()
        self._line: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._target, limit=_PIECE)
        tasks = [
            asyncio.ensure_future(one)
            for one in (self._ask(reader, up_writer), self._fetch(up_reader), self._deliver(writer))
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for one in (writer, up_writer):
                one.transport.abort()

    async def _ask(self, reader: asyncio.StreamReader, up: asyncio.StreamWriter) -> None:
        await asyncio.sleep(self._link.rtt)  # the handshake
        while data := await reader.read(_PIECE):
            up.write(data)
            await up.drain()

    async def _fetch(self, up: asyncio.StreamReader) -> None:
        while data := await up.read(min(_PIECE, self._window)):
            while self._under_way + len(data) > self._window:
                self._room.clear()
                await self._room.wait()
            self._under_way += len(data)
            self._line.put_nowait((self._link.leave(len(data)), data))
        self._line.put_nowait((0.0, b""))
        await asyncio.Event().wait()  # until all is delivered

    async def _deliver(self, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due, data = await self._line.get()
            if not data:
                return
            if (early := due - loop.time()) > 0:
                await asyncio.sleep(early)
            writer.write(data)
            await writer.drain()
            self._under_way -= len(data)
            self._window = min(self._link.window, self._window + len(data))
            self._room.set()


async def run(port: int, target: int, link: Link) -> None:
    """Pass on until cancelled."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await _Flow(link, target).serve(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", port, limit=_PIECE)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    port, target, rate, rtt, window = sys.argv[1:]
    asyncio.run(run(int(port), int(target), Link(float(rate), float(rtt), int(window))))
