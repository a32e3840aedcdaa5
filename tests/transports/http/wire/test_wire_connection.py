"""A connection fed by hand: whose buffer the bytes land in, what a reader gets, and when."""

import asyncio

import pytest

from asyncfetch import Url
from asyncfetch._model.errors import ProtocolViolation, TimedOut, TooLarge
from asyncfetch._transports.http.intake import DIRECT_CHUNK, SCRATCH

from .driving import CHUNKED, HEAD, UNTIL_CLOSE, Reading, opened, reply_to, view_of
from .ends import fed


def test_a_small_body_that_came_with_its_head_is_one_fill_without_waiting(loop):
    connection, _, reply = opened(loop, HEAD % 5 + b"hello")
    reading = Reading(reply, view_of(8))
    assert (reading.count, bytes(reading.view[:5])) == (5, b"hello")
    assert connection.complete
    assert connection.usable
    assert reply.ended
    assert Reading(reply, view_of(8)).count == 0


def test_the_kernel_writes_into_the_readers_buffer(loop):
    connection, transport, reply = opened(loop, HEAD % 1000 + b"ab")
    reading = Reading(reply, view_of(400))
    place = connection.get_buffer(-1)
    assert place.obj is reading.view.obj
    assert len(place) == 398
    transport.feed(b"c" * 397)
    assert reply.landed == 399
    assert not reading.done
    transport.feed(b"d")
    assert reading.done
    assert (reading.count, bytes(reading.view)) == (400, b"ab" + b"c" * 397 + b"d")


def test_the_end_of_a_body_is_not_read_beyond(loop):
    connection, transport, reply = opened(loop, HEAD % 1000)
    reading = Reading(reply, view_of(4000))
    assert len(connection.get_buffer(-1)) == 1000
    transport.feed(b"x" * 1000)
    assert reading.done
    assert reading.count == 1000
    assert connection.usable
    transport.feed(b"HTTP/1.1 200 OK\r\n")  # nobody asked
    assert transport.aborted
    assert not connection.usable


def test_bytes_behind_a_body_make_the_connection_unusable(loop):
    connection, _transport, reply = opened(loop, HEAD % 5 + b"helloHTTP/1.1 200 OK\r\n\r\n")
    reading = Reading(reply, view_of(8))
    assert (reading.count, bytes(reading.view[:5])) == (5, b"hello")
    assert connection.complete
    assert not connection.usable


def test_reading_pauses_while_nobody_lends_a_buffer(loop):
    connection, transport, reply = opened(loop, HEAD % 1_000_000)
    assert transport.feed(b"x" * 500_000) == SCRATCH
    assert transport.paused
    assert not connection.waiting
    reading = Reading(reply, view_of(100_000))
    assert not transport.paused
    assert connection.waiting
    transport.feed(b"y" * 200_000)
    assert reading.done
    assert bytes(reading.view) == b"x" * SCRATCH + b"y" * (100_000 - SCRATCH)
    assert transport.pauses == 2


def test_pausing_ends_with_the_body(loop):
    connection, transport, reply = opened(loop, HEAD % 100)
    assert transport.feed(b"x" * 100) == 100
    assert transport.paused
    assert Reading(reply, view_of(100)).count == 100
    assert not transport.paused  # else nobody would hear the far end close
    assert connection.usable


def test_flush_gives_what_is_here(loop):
    _, transport, reply = opened(loop, HEAD % 1000)
    reading = Reading(reply, view_of(500))
    reply.flush()
    assert not reading.done
    transport.feed(b"abc")
    assert not reading.done
    reply.flush()
    assert reading.done
    assert (reading.count, bytes(reading.view[:3])) == (3, b"abc")


def test_what_landed_is_known_after_cancellation(loop):
    _connection, transport, reply = opened(loop, HEAD % 1000 + b"ab")
    reading = Reading(reply, view_of(500))
    transport.feed(b"cde")
    with pytest.raises(asyncio.CancelledError):
        reading.coroutine.throw(asyncio.CancelledError)
    assert reply.landed == 5
    assert bytes(reading.view[:6]) == b"abcde\0"
    transport.feed(b"f")  # not into a buffer that was taken back
    assert bytes(reading.view[:6]) == b"abcde\0"
    assert transport.paused
    again = Reading(reply, view_of(1))
    assert bytes(again.view) == b"f"


@pytest.mark.parametrize("piece", [1, 7, 1000, 100_000])
@pytest.mark.parametrize("size", [1, 100, DIRECT_CHUNK + 1])
def test_chunks_are_undone_however_they_are_cut(loop, piece, size):
    connection, transport, reply = opened(loop, CHUNKED)
    body = bytes(range(256)) * 300
    stream = b"".join(
        b"%x;x=y\r\n%b\r\n" % (len(part), part) for part in (body[at : at + size] for at in range(0, len(body), size))
    )
    stream += b"0\r\nTrailer: x\r\n\r\n"
    got, at, reading = b"", 0, Reading(reply, view_of(10_000))
    for _ in range(len(stream) * 2):
        if reading.done:
            got += reading.view[: reading.count]
            if not reading.count:
                break
            reading = Reading(reply, view_of(10_000))
        at += transport.feed(stream[at : at + piece])
    assert got == body
    assert connection.usable


def test_large_chunks_land_in_the_readers_buffer(loop):
    connection, transport, reply = opened(loop, CHUNKED + b"%x\r\n" % 200_000)
    reading = Reading(reply, view_of(150_000))
    assert connection.get_buffer(-1).obj is reading.view.obj
    transport.feed(b"x" * 150_000)
    assert reading.done
    assert connection.get_buffer(-1).obj is not reading.view.obj


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_no_body_follows_some_answers(loop, status):
    connection, _, reply = opened(loop, b"HTTP/1.1 " + status + b"\r\nContent-Length: 50\r\n\r\n")
    assert Reading(reply, view_of(10)).count == 0
    assert connection.usable


def test_no_body_follows_head(loop):
    connection, _, reply = opened(loop, HEAD % 50, method="HEAD")
    assert Reading(reply, view_of(10)).count == 0
    assert reply.length == 0
    assert reply.header("content-length") == "50"
    assert connection.usable


def test_interim_answers_are_passed_over(loop):
    _connection, _transport, reply = opened(loop, b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 16 + HEAD % 1 + b"a")
    assert reply.status == 200
    assert Reading(reply, view_of(10)).count == 1


def test_a_head_behind_large_interim_answers_is_found_wherever_it_is_cut(loop):
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: " + b"l" * 11_000 + b"\r\n\r\n"
    head = b"HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 0\r\n\r\n"
    for cut in range(len(head)):
        connection, transport = fed(loop)
        for piece in (interim * 3 + head[:cut], head[cut:]):
            transport.feed(piece)
        assert connection.complete, cut


@pytest.mark.parametrize(
    ("stream", "error", "match"),
    [
        (b"HTTP/1.1 103 Early Hints\r\n\r\n" * 17, ProtocolViolation, "one interim answer after another"),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", ProtocolViolation, "switched protocols"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000, TooLarge, "larger than 65536 bytes"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000, TooLarge, "larger than 65536 bytes"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n", TooLarge, "200 headers"),
        (b"SSH-2.0-OpenSSH_9.2p1\r\n", ProtocolViolation, "not an answer in HTTP/1.1"),
    ],
)
def test_bad_heads_fail_at_once(loop, stream, error, match):
    connection, transport = fed(loop)
    transport.feed(stream)
    with pytest.raises(error, match=match):
        raise connection.error
    assert transport.aborted
    assert str(connection.url) in str(connection.error)


def test_what_is_left_is_skimmed_when_it_is_here(loop):
    for stream, rest in ((HEAD % 5 + b"hello", True), (HEAD % 5 + b"hell", False), (HEAD % 4 + b"hello", False),
                         (CHUNKED + b"5\r\nhello\r\n0\r\n\r\n", True), (CHUNKED + b"5\r\nhello\r\n", False),
                         (CHUNKED + b"5\r\nhellooo\r\n", False), (UNTIL_CLOSE + b"abc", False)):  # fmt: skip
        connection, _, _ = opened(loop, stream)
        connection.skim()
        assert connection.usable is rest, stream


def test_dropping_tells_the_reader_why(loop):
    _, transport, reply = opened(loop, HEAD % 5)
    reading = Reading(reply, view_of(10))
    assert reply.abort(TimedOut("too slow"))
    with pytest.raises(TimedOut, match="too slow"):
        reading.done  # noqa: B018 - it reads
    assert transport.aborted
    with pytest.raises(TimedOut, match="too slow"):
        Reading(reply, view_of(10))


def test_a_body_is_read_inside_of_its_context(loop):
    _, _, reply = opened(loop, HEAD % 5)
    reply.close()
    with pytest.raises(RuntimeError, match="outside"):
        reply.fill(view_of(10)).send(None)
    assert reply.landed == 0


def test_a_transport_that_reads_on_while_paused_loses_nothing(loop):
    connection, _transport, reply = opened(loop, HEAD % 300_000)
    data = bytes(range(250)) * 1200
    at = 0
    while at < len(data):  # libuv may do this for a few reads
        place = connection.get_buffer(-1)
        count = min(len(place), len(data) - at)
        place[:count] = data[at : at + count]
        connection.buffer_updated(count)
        at += count
    reading = Reading(reply, view_of(300_000))
    assert reading.done
    assert bytes(reading.view) == data


def test_many_requests_on_one_connection(loop):
    connection, transport = fed(loop)
    for number in range(1, 50):
        body = b"x" * number * 3000
        transport.feed(HEAD % len(body))
        reading = Reading(reply_to(connection), view_of(200_000))
        transport.feed(body)
        assert reading.done
        assert reading.count == len(body)
        connection.ask(b"", Url("http://h.example/"), bodiless=False)
    assert connection.received == sum(len(HEAD % (n * 3000)) + n * 3000 for n in range(1, 50))
