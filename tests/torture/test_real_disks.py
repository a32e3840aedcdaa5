"""Disks that are really full, and really read-only: small ones in memory, where this user may mount."""

import errno
import hashlib
import os
import subprocess
import sys

import pytest

from asyncfetch import NoSpace, NotWritable
from asyncfetch.testing import Chunked, HttpServer, Pattern

from ..client.scene import client

pytestmark = pytest.mark.anyio
ROOM = 8 * 1024 * 1024
OLD = b"what was there"


def mount(*arguments):
    return subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)


@pytest.fixture
def small(tmp_path):
    """A folder on a disk of 8 MiB, half of it taken."""
    if not sys.platform.startswith("linux"):
        pytest.skip("tmpfs is Linux's")
    place = tmp_path / "small"
    place.mkdir()
    done = mount("-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs", str(place))
    if done.returncode:
        pytest.skip(f"this user may not mount: {done.stderr.strip()}")
    try:
        (place / "ballast").write_bytes(bytes(ROOM // 2))
        (place / "file").write_bytes(OLD)
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture
def server():
    with HttpServer() as one:
        yield one


BODY = Pattern(6_000_000, seed=4)


@pytest.mark.descriptors
async def test_a_full_disk_keeps_what_arrived(small, server):
    """Nobody knows the size here, so the disk is full in the middle."""
    page = server.serve("/page", BODY, faults=[Chunked()])
    mirror = server.serve("/mirror", BODY)
    async with client() as one:
        with pytest.raises(NoSpace, match="free some space") as caught:
            await one.fetch(page.url, small / "file", mirrors=[mirror.url])
        assert caught.value.errno == errno.ENOSPC
        assert caught.value.filename == str(small / "file")
        assert len(caught.value.attempts) == 1
        assert mirror.hits == 0
        assert (small / "file").read_bytes() == OLD
        kept = (small / "file.part").stat().st_size
        assert kept > 2_000_000
        (small / "ballast").unlink()
        result = await one.fetch(page.url, small / "file")
    assert 0 < result.resumed_from <= kept
    assert (small / "file").read_bytes() == BODY.read()
    assert os.listdir(small) == ["file"]


@pytest.mark.descriptors
async def test_what_fits_of_a_single_chunk_is_kept(small, server):
    body = Pattern(900_000, seed=5)
    page = server.serve("/page", body, faults=[Chunked()])
    (small / "ballast").write_bytes(bytes(ROOM - 400_000))
    async with client() as one:
        with pytest.raises(NoSpace, match="free some space"):
            await one.fetch(page.url, small / "file")
        assert (small / "file").read_bytes() == OLD
        kept = (small / "file.part").stat().st_size
        (small / "ballast").unlink()
        result = await one.fetch(page.url, small / "file")
    assert 300_000 < result.resumed_from <= kept
    assert (small / "file").read_bytes() == body.read()
    assert os.listdir(small) == ["file"]


async def test_no_byte_is_asked_for_where_the_size_tells(small, server):
    page = server.serve("/page", BODY)
    async with client() as one:
        with pytest.raises(NoSpace, match="more bytes are needed, and fewer are free") as caught:
            await one.fetch(page.url, small / "file")
    assert caught.value.errno == errno.ENOSPC
    assert (small / "file").read_bytes() == OLD
    assert set(os.listdir(small)) == {"ballast", "file"}


@pytest.mark.parametrize("size", [100, 300_000])
async def test_not_one_block_is_free(small, server, size):
    (small / "more").write_bytes(b"")
    with (small / "more").open("wb", buffering=0) as more, pytest.raises(OSError, match="space"):
        while True:
            more.write(bytes(4096))
    page = server.serve("/page", Pattern(size))
    async with client() as one:
        with pytest.raises(NoSpace) as caught:
            await one.fetch(page.url, small / "new")
        assert caught.value.errno == errno.ENOSPC
        (small / "more").unlink()
        await one.fetch(page.url, small / "new")
    assert (small / "new").read_bytes() == Pattern(size).read()


@pytest.mark.descriptors
async def test_a_read_only_disk(small, server):
    page, mirror = server.serve("/page", BODY), server.serve("/mirror", BODY)
    assert mount("-o", "remount,ro", str(small)).returncode == 0
    async with client() as one:
        for to in (small / "file", small / "new", small / "folder" / "new"):
            with pytest.raises(NotWritable, match="read-only") as caught:
                await one.fetch(page.url, to, mirrors=[mirror.url])
            assert caught.value.errno == errno.EROFS
        # what is there already and right needs no writing
        digest = "sha256:" + hashlib.sha256(OLD).hexdigest()
        assert (await one.fetch(page.url, small / "file", digest=digest)).transferred == 0
    assert (page.hits, mirror.hits) == (0, 0)
    assert (small / "file").read_bytes() == OLD
