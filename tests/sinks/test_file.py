"""The file sink on its own: what its threads do must fit together, whichever of them is slow."""

import errno
import os
import threading
from functools import partial

import anyio
import pytest

from asyncfetch import DigestMismatch, LocalError, Validator

from ..client.scene import LARGE, MIDDLE, SMALL, digest_of, until, whole_or_nothing

pytestmark = [pytest.mark.anyio, pytest.mark.descriptors]
ONE = Validator("memory://far/x", etag='"1"', size=len(LARGE), strong=True)
TWO = Validator("memory://far/x", etag='"2"', strong=True)


class Blocked:
    """A worker that does nothing until it is let go."""

    def __init__(self, worker):
        self.go = threading.Event()
        worker.submit(partial(self.go.wait, 10))

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.go.set()


async def put(sink, data, *, piece=1_000_000):
    view = memoryview(data)
    while view:
        buffer = sink.lend(None)
        if buffer is None:
            await sink.room()
            continue
        count = min(len(view), len(buffer), piece)
        buffer[:count] = view[:count]
        sink.take(count)
        view = view[count:]


async def test_a_small_commit_never_overtakes_what_is_queued(disk, sink, tmp_path):
    """The first answer was large and is still on its way to the disk when the second one is whole."""
    disk._quick_from = 0.0  # the disk is trusted: jobs may run on the loop
    async with sink() as one:
        with Blocked(disk.writer) as writer:
            await one.begin(ONE, None, offset=0, digests=())
            await put(one, LARGE)
            await one.begin(TWO, None, offset=0, digests=())
            await put(one, SMALL)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(one.commit)
                await anyio.sleep(0.01)
                assert not (tmp_path / "file").exists()
                writer.go.set()
    await disk.writer.run(lambda: None)
    assert (tmp_path / "file").read_bytes() == SMALL
    assert os.listdir(tmp_path) == ["file"]


async def test_hashing_what_was_dropped_meanwhile_is_no_failure(disk, sink, tmp_path):
    """A part is read back to be hashed while a new answer already starts over."""
    async with sink() as one:
        await one.begin(ONE, len(LARGE), offset=0, digests=())
        await put(one, LARGE[:2_500_000])
    assert whole_or_nothing(tmp_path, LARGE) == 2_500_000
    one = sink(digest=digest_of(MIDDLE))
    async with one:
        with Blocked(one._writing.hasher):
            await one.begin(ONE, len(LARGE), offset=2_500_000, digests=())
            await one.flush()
            await one.begin(TWO, None, offset=0, digests=())
            await put(one, MIDDLE, piece=100_000)
            await one.flush()
        await one.commit()
    assert (tmp_path / "file").read_bytes() == MIDDLE


async def test_a_write_that_fails_after_all_was_given(disk, sink, tmp_path, monkeypatch):
    """The commit is asked for before the writer has come to the failure: nothing is put in place."""
    (tmp_path / "file").write_bytes(b"old")
    real, count = os.write, 0

    def write(descriptor, data):
        nonlocal count
        if len(data) > 10_000:
            count += 1
            if count == 2:
                raise OSError(errno.ENOSPC, "full")
        return real(descriptor, data)

    async with sink() as one:
        with Blocked(disk.writer) as writer:
            await one.begin(ONE, None, offset=0, digests=())
            await put(one, LARGE)
            monkeypatch.setattr(os, "write", write)
            async with anyio.create_task_group() as tasks:

                async def commit():
                    with pytest.raises(LocalError):
                        await one.commit()

                tasks.start_soon(commit)
                await anyio.sleep(0.005)
                writer.go.set()
    monkeypatch.undo()
    assert whole_or_nothing(tmp_path, LARGE, old=b"old") == 1_000_000


@pytest.mark.parametrize("body", [SMALL, MIDDLE, LARGE], ids=len)
@pytest.mark.parametrize("queued", [True, False])
async def test_cancelled_in_the_middle_of_a_commit(disk, sink, tmp_path, body, queued):
    """The job goes on by itself: the file is then whole, or not there."""
    (tmp_path / "file").write_bytes(b"old")
    with anyio.CancelScope() as scope:
        async with sink() as one:
            await one.begin(ONE, None, offset=0, digests=())
            await put(one, body)
            blocked = Blocked(disk.writer)
            if not queued:
                blocked.go.set()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(one.commit)
                await anyio.lowlevel.checkpoint()
                threading.Timer(0.01, blocked.go.set).start()
                scope.cancel()
    assert scope.cancelled_caught or not queued  # on a quick disk a small commit is over before it can be cancelled
    assert whole_or_nothing(tmp_path, body, old=b"old") in {0, len(body)}


async def test_a_digest_that_does_not_hold_leaves_nothing(sink, tmp_path):
    for body in (SMALL, LARGE):
        with pytest.raises(DigestMismatch):
            async with sink(digest=digest_of(MIDDLE)) as one:
                await one.begin(ONE, None, offset=0, digests=())
                await put(one, body)
                try:
                    await one.commit()
                except DigestMismatch:
                    one.spoil()
                    raise
        assert os.listdir(tmp_path) == []


async def test_backpressure(disk, sink):
    """A writer that stands still stops the reader; one that goes on lets it go on."""
    async with sink() as one:
        await one.begin(ONE, None, offset=0, digests=())
        with Blocked(disk.writer):
            given = 0
            while (buffer := one.lend(None)) is not None:
                one.take(len(buffer))
                given += len(buffer)
            assert given <= 8 * 1024 * 1024
            with anyio.move_on_after(0.01) as scope:
                await one.room()
            assert scope.cancelled_caught
        with anyio.fail_after(5):
            await one.room()
        buffer = one.lend(None)
        assert buffer is not None
        one.take(0)
        await one.flush()
        one.spoil()


async def test_two_sinks_of_one_destination(disk, sink, tmp_path):
    """In one process too: the second one waits, and finds what the first one brought."""
    async with sink() as first:
        await first.begin(ONE, None, offset=0, digests=())
        await put(first, LARGE)
        found = []

        async def second():
            async with sink() as other:
                found.append(other.found)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(second)
            await until(lambda: not found)
            await anyio.sleep(0.02)
            assert found == []
            await first.commit()
    assert found == [len(LARGE)]
