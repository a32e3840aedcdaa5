"""Ends of bodies, by hand: where one is over, where it was cut off, and what is told of it."""

import pytest

from asyncfetch._model.errors import Interrupted, ProtocolViolation

from .driving import CHUNKED, HEAD, UNTIL_CLOSE, Reading, opened, reply_to, view_of
from .ends import fed


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
