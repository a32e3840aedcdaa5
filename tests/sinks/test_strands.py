"""Several ends into one file: what comes early waits on the disk, and the whole is hashed once, in order."""

import random

import pytest

from asyncfetch import DigestMismatch, Validator
from asyncfetch._sinks.hashing import Hashing

from ..client.scene import LARGE, digest_of
from .test_file import Blocked

pytestmark = [pytest.mark.anyio, pytest.mark.descriptors]
ONE = Validator("memory://far/x", etag='"1"', size=len(LARGE), strong=True)


async def put(strand, data):
    view = memoryview(data)
    while view:
        buffer = strand.lend(len(view))
        if buffer is None:
            await strand.room()
            continue
        count = min(len(view), len(buffer), 300_000)
        buffer[:count] = view[:count]
        strand.take(count)
        view = view[count:]


def spans(count, seed):
    edges = sorted(random.Random(seed).sample(range(1, len(LARGE)), count))
    return list(zip([0, *edges], [*edges, len(LARGE)], strict=True))


@pytest.mark.parametrize("seed", range(4))
async def test_in_any_order(sink, tmp_path, seed):
    async with sink(digest=["sha256", "md5"]) as one:
        await one.begin(ONE, len(LARGE), offset=0, digests=())
        pieces = spans(9, seed)
        random.Random(seed).shuffle(pieces)
        for start, stop in pieces:
            await put(one.strand(start), LARGE[start:stop])
        assert one.held.length == len(LARGE)
        computed = await one.commit()
    assert str(computed[0]) == digest_of(LARGE)
    assert (tmp_path / "file").read_bytes() == LARGE


async def test_what_follows_the_front_is_hashed_from_memory_and_the_rest_once(sink, monkeypatch):
    read, hashed = [], []
    real_read, real_update = Hashing.read, Hashing.update

    def reading(self, path, length=None, *, offset=0):
        read.append((offset, length))
        return real_read(self, path, length, offset=offset)

    def updating(self, view):
        hashed.append(len(view))
        real_update(self, view)

    monkeypatch.setattr(Hashing, "read", reading)
    monkeypatch.setattr(Hashing, "update", updating)
    async with sink(digest=digest_of(LARGE)) as one:
        await one.begin(ONE, len(LARGE), offset=0, digests=())
        await put(one.strand(2_000_000), LARGE[2_000_000:3_000_000])
        await put(one.strand(0), LARGE[:1_000_000])
        await put(one.strand(1_000_000), LARGE[1_000_000:2_000_000])
        await put(one.strand(3_000_000), LARGE[3_000_000:])
        await one.commit()
    assert read == [(2_000_000, 1_000_000)]
    assert sum(hashed) == len(LARGE)


async def test_wrong_bytes_are_found(sink, tmp_path):
    async with sink(digest=digest_of(LARGE)) as one:
        await one.begin(ONE, len(LARGE), offset=0, digests=())
        await put(one.strand(1_000_000), LARGE[1_000_000:-1] + b"?")
        await put(one.strand(0), LARGE[:1_000_000])
        with pytest.raises(DigestMismatch):
            await one.commit()
        one.spoil()
    assert list(tmp_path.iterdir()) == []


async def test_a_later_attempt_goes_on_with_islands_or_drops_them(sink, tmp_path):
    async with sink(digest=digest_of(LARGE)) as one:
        await one.begin(ONE, len(LARGE), offset=0, digests=())
        await put(one.strand(0), LARGE[:500_000])
        await put(one.strand(1_000_000), LARGE[1_000_000:2_000_000])
        assert (one.held.length, one.held.islands) == (500_000, ((1_000_000, 2_000_000),))
        # the front goes on, the island stays; nothing is hashed twice
        await one.begin(ONE, len(LARGE), offset=500_000, digests=())
        assert one.held.islands == ((1_000_000, 2_000_000),)
        await put(one.strand(500_000), LARGE[500_000:1_000_000])
        await put(one.strand(2_000_000), LARGE[2_000_000:])
        await one.commit()
    assert (tmp_path / "file").read_bytes() == LARGE

    for offset, size in [(0, len(LARGE)), (400_000, len(LARGE)), (500_000, None)]:
        async with sink(digest=digest_of(LARGE)) as one:
            assert one.found is not None
        (tmp_path / "file").unlink()
        async with sink(digest=digest_of(LARGE)) as one:
            await one.begin(ONE, len(LARGE), offset=0, digests=())
            await put(one.strand(0), LARGE[:500_000])
            await put(one.strand(1_000_000), b"?" * 1_000_000)
            await one.begin(ONE, size, offset=offset, digests=())
            assert one.held.islands == ()
            await put(one, LARGE[offset:])
            await one.commit()
        assert (tmp_path / "file").read_bytes() == LARGE


async def test_a_strand_of_a_body_that_is_over_writes_nothing(sink, disk, tmp_path):
    async with sink() as one:
        await one.begin(ONE, len(LARGE), offset=0, digests=())
        late = one.strand(0)
        late.lend(None)[:3] = b"???"
        await one.begin(ONE, len(LARGE), offset=0, digests=())
        late.take(3)
        assert one.held.length == 0
        await put(one.strand(0), LARGE)
        await one.commit()
    assert (tmp_path / "file").read_bytes() == LARGE


async def test_each_strand_gets_a_buffer_however_slow_the_disk_is(sink, disk):
    async with sink() as one:
        await one.begin(ONE, len(LARGE), offset=0, digests=())
        strands = [one.strand(at * 100_000) for at in range(30)]
        with Blocked(disk.writer):
            for strand in strands:
                strand.lend(None)[:1] = b"x"
                strand.take(1)
            assert all(strand.lend(None) is None for strand in strands), "more only when some come back"
        for strand in strands:
            await strand.room()
            strand.lend(None)
            strand.take(0)
        one.spoil()
