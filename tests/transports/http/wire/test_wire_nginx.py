"""The wire against nginx: what a real server does, and whether anything grows over many requests.

``ASYNCFETCH_SOAK`` is the number of requests of the long run (1,500 unless set, 30,000 with ``ASYNCFETCH_THOROUGH=1``).
"""

import asyncio
import gc
import gzip
import hashlib
import os
import resource
import sys

import pytest

from asyncfetch import Url

from ....thorough import times
from .ends import HEADERS, count_of, get, only_sockets, read, sockets
from .nginx import BINARY, nginx

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(BINARY is None, reason="nginx is not installed")]
SOAK = count_of("ASYNCFETCH_SOAK", times(1_500, 30_000))
WIDE = 32
LARGE = os.urandom(1000) * 20_000
SMALL = os.urandom(20_480)
GROWTH = 4 << 20  # bytes


@pytest.fixture(scope="module")
def server(certificate_authority, tmp_path_factory):
    with nginx(tmp_path_factory.mktemp("nginx"), certificate_authority) as it:
        it.put("small", SMALL)
        it.put("large", LARGE)
        it.put("empty", b"")
        yield it


@pytest.fixture
def both(make_lane, certificate_authority):
    return make_lane(certificate_authority.client_context())


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_files(both, server, scheme):
    base = getattr(server, scheme)
    for _ in range(2):
        assert await get(both, f"{base}/empty") == (200, b"")
        assert (
            hashlib.sha256((await get(both, f"{base}/large", size=1 << 20))[1]).digest()
            == hashlib.sha256(LARGE).digest()
        )
        assert (await get(both, f"{base}/none"))[0] == 404
        status, part = await get(both, f"{base}/large", headers=[*HEADERS, ("Range", "bytes=5-104")])
        assert (status, part) == (206, LARGE[5:105])
        assert await get(both, f"{base}/large", "HEAD") == (200, b"")
    assert repr(both.pool) == f"<Pool: 1 idle, 0 busy; {base} 1 idle 0 busy>"


async def test_chunks_of_a_coded_body(both, server):
    async with both.send("GET", Url(f"{server.http}/zipped/large"), [("Accept-Encoding", "gzip")]) as reply:
        assert reply.length is None
        assert reply.header("content-encoding") == "gzip"
        zipped = await read(reply)
    assert gzip.decompress(zipped) == LARGE
    assert " 1 idle" in repr(both.pool)


async def test_a_server_that_limits_requests_per_connection(make_lane, certificate_authority, tmp_path):
    lane = make_lane()
    with nginx(tmp_path, certificate_authority, requests=3) as server:
        server.put("a", b"x")
        for _ in range(10):
            assert await get(lane, f"{server.http}/a") == (200, b"x")


def _resident():
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")
@pytest.mark.timeout(0 if SOAK > 10_000 else 60)
async def test_many_requests_leave_nothing(both, server):
    expected = hashlib.sha256(SMALL).digest()
    before, sizes, left = sockets(), [], SOAK

    async def worker(base):
        nonlocal left
        view = memoryview(bytearray(32_768))
        while left > 0:
            left -= 1
            number = left
            async with both.send("GET", Url(f"{base}/small"), HEADERS) as reply:
                count = 0
                if number % 50 == 7:  # some go early, and close their connection
                    continue
                while more := await reply.fill(view[count:]):
                    count += more
                assert hashlib.sha256(view[:count]).digest() == expected
            if number % (SOAK // 10) == 0:
                gc.collect()
                sizes.append(_resident())

    await asyncio.gather(*[worker(server.https if one % 8 == 0 else server.http) for one in range(WIDE)])
    assert len(both.pool._open) <= WIDE
    await both.aclose()
    await only_sockets(before)
    print([f"{size / 1e6:.1f} MB" for size in sizes], sockets(), "sockets")
    assert max(sizes[3:]) - sizes[2] < GROWTH
