"""A connection fed by hand: whose buffer the bytes land in, what a reader gets, and when."""

import asyncio

import pytest

from asyncfetch import Url
from asyncfetch._model.errors import Interrupted, ProtocolViolation, TimedOut, TooLarge
from asyncfetch._transports.http.intake import DIRECT_CHUNK, SCRATCH
from asyncfetch._transports.http.reply import WireReply

from .ends import fed

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\n\r\n"


@pytest.fixture
def loop():
    """A loop that makes futures, and never runs."""
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


class Reading:
    """One fill, driven by hand."""

    def __init__(self, reply, view):
        self.reply = reply
        self.view = view
        self.coroutine = reply.fill(view)
        self.count = None
        self.waits = None
        self.step()

    def step(self):
        try:
            self.waits = self.coroutine.send(None)
        except StopIteration as stop:
            self.count = stop.value

    @property
    def done(self):
        """Whether the fill has come back, or would as soon as the loop runs."""
        if self.count is None and self.waits.done():
            self.step()
        return self.count is not None


def reply_to(connection):
    return WireReply(connection, connection.head, fresh=False, first_byte=0.0)


def opened(loop, head, *, method="GET"):
    connection, transport = fed(loop, method=method)
    assert transport.feed(head) == len(head)
    assert connection.head is not None
    return connection, transport, reply_to(connection)


def view_of(size):
    return memoryview(bytearray(size))


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


@pytest.mark.parametrize(
    ("head", "rest", "match"),
    [
        (b"", b"", "closed the connection before it answered"),
        (b"", b"HTTP/1.1 2", "in the head of its answer"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n", "in the head of its answer"),
        (HEAD % 10, b"abc", "7 of 10 bytes to come"),
        (CHUNKED, b"3\r\nabc\r\n", "before the last chunk"),
        (CHUNKED, b"3\r\nab", "before the last chunk"),
        (CHUNKED, b"0\r\n", "before the last chunk"),
        (CHUNKED, b"0\r\nTrailer: x\r\n", "before the last chunk"),
    ],
)
@pytest.mark.parametrize("reset", [False, True])
def test_an_end_in_between_is_an_interruption(loop, head, rest, match, reset):
    connection, transport = fed(loop)
    transport.feed(head)
    reading = Reading(reply_to(connection), view_of(100)) if head else None
    transport.feed(rest)
    transport.end(ConnectionResetError() if reset else None)
    got = b""
    with pytest.raises(Interrupted, match=match.replace("closed", "reset") if reset else match):
        while reading is not None:  # first the bytes, then the failure
            assert reading.done
            got += reading.view[: reading.count]
            reading = Reading(reading.reply, view_of(100))
        raise connection.error
    assert got == b"".join(part for part in (b"ab", b"c") if part in rest)
    assert not connection.usable


def test_a_body_until_the_close_ends_there(loop):
    connection, transport, reply = opened(loop, UNTIL_CLOSE + b"abc")
    reading = Reading(reply, view_of(10))
    transport.feed(b"def")
    assert not reading.done
    transport.end()
    assert reading.done
    assert bytes(reading.view[:6]) == b"abcdef"
    assert Reading(reply, view_of(10)).count == 0
    assert not connection.usable


def test_a_body_until_the_close_that_waits_for_its_reader_ends_there(loop):
    connection, transport, reply = opened(loop, UNTIL_CLOSE + b"abcdef")
    transport.end()
    assert Reading(reply, view_of(4)).count == 4
    assert Reading(reply, view_of(4)).count == 2
    assert Reading(reply, view_of(4)).count == 0
    assert connection.error is None


def test_a_body_until_the_close_is_cut_by_a_reset(loop):
    _connection, transport, reply = opened(loop, UNTIL_CLOSE + b"abc")
    transport.end(ConnectionResetError())
    assert Reading(reply, view_of(4)).count == 3
    with pytest.raises(Interrupted, match="without saying that the body is over"):
        Reading(reply, view_of(4))


@pytest.mark.parametrize("body", [b"hello", b"5\r\nhello\r\n0\r\n\r\n"])
def test_a_whole_body_stays_whole_when_the_far_end_closes_before_it_is_read(loop, body):
    head = HEAD % 5 if body == b"hello" else CHUNKED
    _connection, transport, reply = opened(loop, head + body)
    transport.end()
    assert Reading(reply, view_of(3)).count == 3
    assert Reading(reply, view_of(3)).count == 2
    assert Reading(reply, view_of(3)).count == 0


def test_a_failure_behind_good_bytes_is_told_after_them(loop):
    _connection, transport, reply = opened(loop, CHUNKED)
    reading = Reading(reply, view_of(100))
    transport.feed(b"3\r\nabc\r\nzz\r\n")
    assert reading.done
    assert bytes(reading.view[: reading.count]) == b"abc"
    assert transport.aborted
    for _ in range(2):
        with pytest.raises(ProtocolViolation, match="not the size of a chunk"):
            Reading(reply, view_of(100))


def test_a_chunk_that_is_longer_than_it_says_is_refused(loop):
    _, _transport, reply = opened(loop, CHUNKED + b"3\r\nabcd\r\n0\r\n\r\n")
    assert Reading(reply, view_of(100)).count == 3
    with pytest.raises(ProtocolViolation, match="do not end where"):
        Reading(reply, view_of(100))


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
