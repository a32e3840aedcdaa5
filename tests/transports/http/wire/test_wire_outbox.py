"""Requests that wait for the end of the loop's turn."""

import asyncio
import socket

import pytest

from asyncfetch import Url
from asyncfetch._transports.http.outbox import Outbox

from .ends import HEADERS, get, scripted

pytestmark = pytest.mark.anyio

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture
def anyio_backend():
    return "asyncio"


async def test_what_is_put_goes_out_once_and_in_order():
    sent, box = [], Outbox(asyncio.get_running_loop())
    for number in range(3):
        box.put(lambda number=number: sent.append(number))
    assert sent == []
    await asyncio.sleep(0.01)
    assert sent == [0, 1, 2]
    box.put(lambda: sent.append(3))
    await asyncio.sleep(0.01)
    assert sent == [0, 1, 2, 3]


async def test_what_the_loop_sees_in_between_is_told_first():
    """As on a kept connection that its far end closes while our request waits."""
    pair = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=pair[0])
    told = []
    box = Outbox(asyncio.get_running_loop())
    pair[1].send(b"x")
    box.put(lambda: told.append(reader._buffer == b"x"))
    await asyncio.sleep(0.01)
    writer.close()
    pair[1].close()
    await writer.wait_closed()
    assert told == [True]


@pytest.mark.parametrize("junk", [b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\njunk", b""], ids=["talks", "closes"])
async def test_a_request_that_did_not_go_out_goes_out_anew_whatever_it_asks(lane, junk):
    async with scripted(lambda *_: OK) as (url, requests, writers):
        assert await get(lane, url) == (200, b"ok")
        if junk:
            writers[0].write(junk)
        else:
            writers[0].get_extra_info("socket").shutdown(socket.SHUT_WR)
        async with lane.send("DELETE", Url(url), HEADERS) as reply:
            assert reply.status == 200
        assert [number for number, _ in requests] == [1, 2]
        await lane.aclose()
