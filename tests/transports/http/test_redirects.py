"""Redirects against a real server, on every lane and loop."""

import pytest

from asyncfetch import (
    Limits,
    NotFound,
    RedirectRefused,
    Trust,
)
from asyncfetch.testing import (
    HttpServer,
    Redirect,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend(loop_of_way):
    return loop_of_way


async def test_redirects(http_server, make, get):
    http_server.redirect("/1", "2", 301)
    http_server.redirect("/2", "/3", 307)
    http_server.redirect("/3", http_server.url("/4"), 308)
    file = http_server.serve("/4", b"hello")
    data, body = await get(make(), http_server.url("/1"), offset=1)
    assert data == b"ello"
    assert body.url == file.url
    assert body.chain == tuple(http_server.url(f"/{n}") for n in (1, 2, 3))
    assert body.validator.source == http_server.url("/1")
    assert file.requests[0].range == "bytes=1-"


async def test_what_travels_elsewhere(http_server, make, get):
    with HttpServer() as other:
        far = other.serve("/far", b"hello")
        http_server.redirect("/near", "/way")
        way = http_server.serve("/way", always=[Redirect(far.url)])
        url = http_server.url("/near").replace("//", "//me:pw@")
        headers = (("Cookie", "a=b"), ("X-Key", "1"), ("Accept", "text/plain"))
        await get(make(), url, headers=headers)
        at_home, away = dict(way.requests[0].headers), dict(far.requests[0].headers)
    assert (at_home["cookie"], at_home["x-key"], at_home["authorization"]) == ("a=b", "1", "Basic bWU6cHc=")
    assert away["accept"] == "text/plain"
    assert not {"cookie", "x-key", "authorization"} & set(away)


async def test_from_https_to_http(http_server, https_server, make, get, ca_file):
    file = http_server.serve("/a", b"hello")
    https_server.redirect("/a", file.url)
    transport = make(trust=Trust(verify=ca_file))
    with pytest.raises(RedirectRefused) as caught:
        await get(transport, https_server.url("/a"))
    assert file.hits == 0
    assert caught.value.url == https_server.url("/a")
    assert (await get(transport, https_server.url("/a"), insecure_redirect=True))[0] == b"hello"


@pytest.mark.parametrize("target", ["ftp://127.0.0.1/x", "file:///etc/passwd", "", "http://[::1/", "/a"])
async def test_redirects_that_are_refused(http_server, make, get, target):
    file = http_server.serve("/a", always=[Redirect(target)])
    with pytest.raises(RedirectRefused):
        await get(make(), file.url)
    assert file.hits == 1


async def test_the_limit_of_redirects(http_server, make, get):
    for n in range(5):
        http_server.redirect(f"/{n}", f"/{n + 1}")
    http_server.serve("/5", b"hello")
    assert (await get(make(limits=Limits(redirects=5)), http_server.url("/0")))[0] == b"hello"
    with pytest.raises(RedirectRefused) as caught:
        await get(make(limits=Limits(redirects=4)), http_server.url("/0"))
    assert caught.value.chain == tuple(http_server.url(f"/{n}") for n in range(4))


async def test_an_error_after_a_redirect_names_both_ends(http_server, make, get):
    http_server.redirect("/a", "/b")
    with pytest.raises(NotFound) as caught:
        await get(make(), http_server.url("/a"))
    assert str(caught.value) == (
        f"found nothing at `{http_server.url('/b')}` (redirected from `{http_server.url('/a')}`): 404 Not Found"
    )
