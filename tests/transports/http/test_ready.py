"""The last question before a request is written (``Request.ready``): no lane sends what is not to be sent now."""

import pytest

from asyncfetch import AccessDenied, Busy, Request, Url
from asyncfetch._transports.http import _httpx
from asyncfetch.testing import HttpServer, Redirect, RequireBasic

pytestmark = pytest.mark.anyio
httpx = _httpx.load()


@pytest.fixture
def anyio_backend(loop_of_way):
    return loop_of_way


def asking(transport, url, ready):
    return transport.open(Request(Url.of(url), ready=ready))


async def test_it_is_asked_once_there_is_a_connection(make, settled):
    """What took time is over then: nothing but writing is left."""
    connections = []
    with HttpServer() as server:
        page = server.serve("/page", b"body")

        def refuse(url):
            connections.append(server.open_connections)
            raise Busy("not now", url=url)

        transport = make()
        for _ in range(2):
            with pytest.raises(Busy, match="not now"):
                async with asking(transport, page.url, refuse):
                    pass
        assert page.hits == 0
        assert len(connections) == 2
        async with asking(transport, page.url, connections.append) as body:
            assert body.size == 4
        assert connections[2:] == [page.url]
        await transport.aclose()
        await settled(server, 0)


async def test_it_is_asked_of_the_target_of_a_redirect(make):
    asked = []
    with HttpServer() as near, HttpServer() as far:
        target = far.serve("/target", b"body")
        page = near.serve("/page", always=[Redirect(target.url)])

        def not_there(url):
            asked.append(url)
            if url == target.url:
                raise Busy("not now", url=url)

        with pytest.raises(Busy) as raised:
            async with asking(make(), page.url, not_there):
                pass
        assert asked == [page.url, target.url]
        assert (page.hits, target.hits) == (1, 0)
        assert raised.value.url == target.url
        assert raised.value.chain == (page.url,)


async def test_it_is_asked_before_a_challenge_is_answered(make):
    asked = []
    with HttpServer() as server:
        page = server.serve("/page", b"body", always=[RequireBasic("user", "pass")])
        transport = make(auth={page.url: httpx.DigestAuth("user", "pass")})
        with pytest.raises(AccessDenied):
            async with asking(transport, page.url, asked.append):
                pass
    assert len(asked) == page.hits >= 1
