"""A file sink of one's own, on a disk that ends with the test."""

import pytest

from asyncfetch import Fetch
from asyncfetch._disk.disk import Disk
from asyncfetch._sinks.file import FileSink


@pytest.fixture
async def disk(anyio_backend):
    disk = Disk()
    yield disk
    await disk.aclose()


@pytest.fixture
def sink(disk, tmp_path):
    def make(**more):
        return FileSink(disk, str(tmp_path / "file"), Fetch("memory://far/x", tmp_path / "file", **more), durable=False)

    return make
