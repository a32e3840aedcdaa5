"""Both sinks keep the rules of the port, on both loops."""

from contextlib import asynccontextmanager

import pytest

from asyncfetch import Fetch, Url
from asyncfetch._disk.disk import Disk
from asyncfetch._sinks.file import FileSink
from asyncfetch._sinks.memory import MemorySink
from asyncfetch.testing import check_sink

pytestmark = pytest.mark.anyio


class Folder:
    """Near ends that are files."""

    keeps = True

    def __init__(self, disk, folder, *, durable):
        self.disk, self.folder, self.durable = disk, folder, durable

    def sink(self, name, digests=()):
        fetch = Fetch(f"memory://far/{name}", self.folder / name, digest=digests or None)
        return FileSink(self.disk, str(self.folder / name), fetch, durable=self.durable)

    def visible(self, name):
        path = self.folder / name
        return path.read_bytes() if path.exists() else None


class Memory:
    """Near ends that are bytes; seen is what was committed."""

    keeps = False

    def __init__(self, disk):
        self.disk = disk
        self.seen = {}

    def sink(self, name, digests=()):
        seen = self.seen

        class Sink(MemorySink):
            async def commit(self):
                computed = await super().commit()
                seen[name] = self.content
                return computed

        return Sink(self.disk, Url(f"memory://far/{name}"), digests, 100_000_000)

    def visible(self, name):
        return self.seen.get(name)


@pytest.mark.parametrize("durable", [False, True])
@pytest.mark.descriptors
async def test_file_sink(tmp_path, durable):
    @asynccontextmanager
    async def maker():
        disk = Disk()
        try:
            yield Folder(disk, tmp_path, durable=durable)
        finally:
            await disk.aclose()

    await check_sink(maker)


async def test_memory_sink():
    @asynccontextmanager
    async def maker():
        disk = Disk()
        try:
            yield Memory(disk)
        finally:
            await disk.aclose()

    await check_sink(maker)
