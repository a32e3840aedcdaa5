"""The least: the system calls and the hash that our promises take, in Python, and nothing else.

One request after the other on each connection, a head that is believed, a body that is waited for, no error foreseen.
What is above it is what a client costs: names, limits, retries, errors, results.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import sys
from urllib.parse import urlsplit

from benchmarks.programs.clock import Item, Job, by_workers, measured, run_loop

_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Connection(asyncio.BufferedProtocol):
    """One answer at a time, into one buffer."""

    def __init__(self) -> None:
        self._view = memoryview(bytearray(64 * 1024))
        self._end = self._start = self._stop = 0
        self._waiter: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def ask(self, request: bytes) -> asyncio.Future[None]:
        self._end = self._stop = 0
        self._waiter = asyncio.get_running_loop().create_future()
        self._transport.write(request)  # type: ignore[attr-defined]
        return self._waiter

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002
        return self._view[self._end :]

    def buffer_updated(self, nbytes: int) -> None:
        self._end += nbytes
        if not self._stop:
            head, found, _ = bytes(self._view[: min(self._end, 2048)]).partition(b"\r\n\r\n")
            if not found:
                return
            fields = dict([line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:]])
            self._start = len(head) + 4
            self._stop = self._start + int(fields[b"content-length"])
        if self._end >= self._stop and self._waiter is not None:
            self._waiter.set_result(None)

    @property
    def body(self) -> memoryview:
        return self._view[self._start : self._stop]

    def close(self) -> None:
        self._transport.close()


def put(item: Item, view: memoryview) -> None:
    """Look, make, lock, see that it is ours, look for a note, write, verify, rename."""
    part = f"{item.path}.part"
    os.access(item.path, os.F_OK)
    descriptor = os.open(part, _NEW, 0o666)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.path.samestat(os.fstat(descriptor), os.lstat(part))
    os.access(f"{part}.json", os.F_OK)
    os.pwrite(descriptor, view, 0)
    if f"sha256:{hashlib.sha256(view).hexdigest()}" != item.digest:
        raise RuntimeError(item.url)
    os.replace(part, item.path)
    os.close(descriptor)


def fetch(job: Job, items: list[Item]) -> None:
    async def main() -> None:
        where = urlsplit(items[0].url)
        loop, idle = asyncio.get_running_loop(), []

        async def one(item: Item) -> None:
            connection = idle.pop() if idle else None
            if connection is None:
                _, connection = await loop.create_connection(Connection, where.hostname, where.port)
            target = item.url.partition(where.netloc)[2]
            await connection.ask(f"GET {target} HTTP/1.1\r\nHost: {where.netloc}\r\n\r\n".encode())
            put(item, connection.body)
            idle.append(connection)

        await by_workers([item for item in items if item.digest], job.width, one)
        for connection in idle:
            connection.close()

    run_loop(main, job.loop)


if __name__ == "__main__":
    measured(fetch, sys.version.split()[0], verifies=True)
