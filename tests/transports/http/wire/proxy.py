"""A small HTTP proxy on loopback: forwards, tunnels, asks for credentials, misbehaves by script."""

import asyncio
from contextlib import asynccontextmanager


class Proxy:
    """What the proxy was asked; ``refusal`` is sent in place of an answer to CONNECT, when set."""

    def __init__(self, credentials=None, refusal=None):
        self.credentials = credentials
        self.refusal = refusal
        self.requests = []
        self.url = ""
        self._tasks = set()

    async def serve(self, reader, writer):
        task = asyncio.current_task()
        self._tasks.add(task)
        try:
            while await self._serve_one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _serve_one(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        method, target, _ = head.split(b"\r\n")[0].decode().split(" ")
        self.requests.append(head)
        if self.credentials is not None and b"Proxy-Authorization: Basic " + self.credentials not in head:
            writer.write(b"HTTP/1.1 407 Who are you\r\nProxy-Authenticate: Basic\r\nContent-Length: 2\r\n\r\nno")
            return True
        if method == "CONNECT":
            return await self._tunnel(reader, writer, target)
        host, _, path = target.removeprefix("http://").partition("/")
        place, _, port = host.rpartition(":")
        there_reader, there_writer = await asyncio.open_connection(place, int(port))
        there_writer.write(f"GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = await there_reader.read()
        there_writer.close()
        writer.write(answer.replace(b"Connection: close\r\n", b""))
        return True

    async def _tunnel(self, reader, writer, target):
        if self.refusal is not None:
            writer.write(self.refusal)
            return False
        place, _, port = target.rpartition(":")
        there_reader, there_writer = await asyncio.open_connection(place.strip("[]"), int(port))
        writer.write(b"HTTP/1.0 200 Connection established\r\nProxy-Agent: tests\r\n\r\n")
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_relay(reader, there_writer))
                tasks.create_task(_relay(there_reader, writer))
        except* OSError:
            pass
        return False

    async def aclose(self):
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _relay(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


@asynccontextmanager
async def proxy(*, tls=None, credentials=None, refusal=None):
    """Run a proxy; its ``url`` is where."""
    it = Proxy(credentials, refusal)
    server = await asyncio.start_server(it.serve, "127.0.0.1", 0, ssl=tls)
    it.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield it
    finally:
        server.close()
        await it.aclose()
        await server.wait_closed()
