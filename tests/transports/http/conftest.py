"""The ways an exchange can go: each lane, on each event loop it runs on."""

import anyio
import pytest

from asyncfetch import Request, Settings, Url
from asyncfetch._transports.http.transport import HttpTransport

WAYS = {"wire": "asyncio", "httpx": "asyncio", "httpx-trio": "trio"}


@pytest.fixture(params=WAYS)
def way(request):
    """A lane and a loop; a module that wants them all overrides ``anyio_backend`` by ``loop_of_way``."""
    return request.param


@pytest.fixture
def loop_of_way(way):
    return WAYS[way]


@pytest.fixture
async def make(way, anyio_backend):
    """Make transports on this way; they are closed in the end."""
    made = []

    def make_one(*, auth=None, trust_env=False, **settings):
        transport = HttpTransport(Settings(trust_env=trust_env, **settings), auth=auth, lane=way.partition("-")[0])
        made.append(transport)
        return transport

    yield make_one
    for transport in made:
        await transport.aclose()


@pytest.fixture
def get():
    """Get a body whole: its bytes and the Body."""

    async def get_body(transport, url, **more):
        async with transport.open(Request(Url(url), **more)) as body:
            return b"".join([chunk async for chunk in body.chunks]), body

    return get_body


@pytest.fixture
def settled():
    """Wait until a server has so many open connections."""

    async def wait(server, count):
        await anyio.to_thread.run_sync(server.wait_until, lambda: server.open_connections == count)

    return wait
