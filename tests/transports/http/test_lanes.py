"""Which lane is taken, and that each is made once."""

import pytest

from asyncfetch import MistakeError, Settings, Url
from asyncfetch._transports.http.httpx_lane import HttpxLane
from asyncfetch._transports.http.lanes import Lanes, pick
from asyncfetch._transports.http.wire import WireLane

HTTP, HTTPS = Url("http://h.example/"), Url("https://h.example/")
SOCKS, PROXY = Url("socks5h://localhost:1080"), Url("http://localhost:3128")


@pytest.mark.parametrize(
    ("url", "proxy", "http2", "library", "lane"),
    [
        (HTTP, None, False, "asyncio", "wire"),
        (HTTPS, None, False, "asyncio", "wire"),
        (HTTPS, PROXY, False, "asyncio", "wire"),
        (HTTP, None, True, "asyncio", "wire"),
        (HTTPS, None, True, "asyncio", "httpx"),
        (HTTP, SOCKS, False, "asyncio", "httpx"),
        (HTTPS, SOCKS, False, "asyncio", "httpx"),
        (HTTP, None, False, "trio", "httpx"),
    ],
)
def test_pick(url, proxy, http2, library, lane):
    assert pick(url, proxy, http2=http2, library=library) == lane


async def no_context():
    raise AssertionError


def lanes(only=None, proxy=None):
    return Lanes(Settings(trust_env=False), no_context, lambda _url: proxy, only=only)


@pytest.mark.anyio
async def test_lanes_are_made_once(anyio_backend_name):
    made = lanes()
    kind = WireLane if anyio_backend_name == "asyncio" else HttpxLane
    assert isinstance(made.lane(HTTP), kind)
    assert made.lane(HTTP) is made.lane(HTTPS)
    await made.aclose()


@pytest.mark.anyio
async def test_socks_goes_over_httpx():
    made = lanes(proxy=SOCKS)
    assert isinstance(made.lane(HTTP), HttpxLane)
    await made.aclose()


def test_a_lane_can_be_forced():
    assert isinstance(lanes("httpx").lane(HTTP), HttpxLane)
    assert isinstance(lanes("wire").lane(HTTP), WireLane)
    with pytest.raises(MistakeError, match="fast"):
        lanes("fast")
