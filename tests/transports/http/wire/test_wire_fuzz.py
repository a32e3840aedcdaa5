"""Generated response streams, right and wrong, cut anywhere: the right bytes or an error of the tree, never a hang.

Two references judge: one of ours that reads the whole stream at once (`reference`), and llhttp where it can read the
stream. ``ASYNCFETCH_FUZZ`` is the number of streams (2,000 unless set).
"""

import asyncio
from collections import Counter

import httptools
from hypothesis import HealthCheck, given, settings, strategies as st

from asyncfetch._model.errors import FetchError
from asyncfetch._model.exchange import Timings
from asyncfetch._transports.http.reply import WireReply

from ....thorough import times
from . import reference
from .ends import count_of, fed

STREAMS = count_of("ASYNCFETCH_FUZZ", times(500, 10_000))
STEPS = 200_000  # more than any stream here takes; beyond it is a hang
SPICE = [
    b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b";", b"0", b"\r\n\r\n", b"0\r\n\r\n", b"5\r\nhello\r\n", b"-1",
    b"HTTP/1.1 200 OK\r\n", b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip\r\n",
    b"Connection: close\r\n", b"\r\n folded", b"chunked", b"\xff",
]  # fmt: skip
FRAMINGS = ["length", "length", "length", "chunked", "chunked", "close", "none"]
bodies = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [b"", b"hello", b"\r\n\r\n", b"0\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 300, b"y" * 40_000, b"z" * 90_000]
    ),
)
lines = st.lists(
    st.sampled_from([
        b"Server: x", b'ETag: "a"', b"X-Empty:", b"x-long: " + b"v" * 200, b"Connection: keep-alive",
        b"connection: Close", b"Content-Type:  text/plain \t", b"Set-Cookie: a=b; c", b"Trailer: t", b"Date: today",
        b"Vary: *", b"Age: 1", b"Content-Length: 5",
    ]),
    max_size=4,
)  # fmt: skip


@st.composite
def streams(draw):
    """A response in bytes, right or nearly so, and the method it answers."""
    parts = []
    for _ in range(draw(st.sampled_from([0] * 20 + [1, 2, 16, 17]))):
        parts.append(
            draw(st.sampled_from([b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n"]))
        )
    framing = draw(st.sampled_from(FRAMINGS))
    version = draw(st.sampled_from([b"HTTP/1.1"] * 6 + [b"HTTP/1.0"]))
    status = draw(
        st.sampled_from(
            [b"204 No Content", b"304 X"] if framing == "none" else [b"200 OK", b"206 Partial", b"404", b"200 "]
        )
    )
    head = [version + b" " + status, *draw(lines)]
    body = draw(bodies)
    if framing == "length":
        head.insert(draw(st.integers(1, len(head))), b"Content-Length: %d" % len(body))
    elif framing == "chunked":
        head.insert(draw(st.integers(1, len(head))), b"Transfer-Encoding: chunked")
        body = draw(chunked(body))
    elif framing == "none":
        body = b""
    parts += [b"\r\n".join(head), b"\r\n\r\n", body]
    parts.append(draw(st.sampled_from([b"", b"", b"", b"", b"\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b"x"])))
    return b"".join(parts), draw(st.sampled_from(["GET", "GET", "GET", "GET", "HEAD"]))


@st.composite
def chunked(draw, body):
    out, at = [], 0
    while at < len(body):
        size = draw(st.sampled_from([1, 3, 16, 1000, 33_000, len(body)])) if len(out) < 6 else len(body)
        part = body[at : at + size]
        out.append(b"%x%b\r\n%b\r\n" % (len(part), draw(st.sampled_from([b"", b"", b";a", b';a="b"', b" "])), part))
        at += size
    return b"".join(out) + b"0\r\n" + draw(st.sampled_from([b"", b"", b"A: b\r\n", b"A:\r\nB: c\r\n"])) + b"\r\n"


@st.composite
def mutated(draw, stream):
    """The stream with up to three wounds, most of them near its framing."""
    for _ in range(draw(st.sampled_from([0, 0, 1, 1, 2, 3]))):
        body = stream.find(b"\r\n\r\n") + 4
        lower, upper = draw(
            st.sampled_from([(0, body), (body, body + 60), (body, len(stream)), (len(stream) - 20, len(stream))])
        )
        at = draw(st.integers(max(0, min(lower, len(stream))), max(0, min(upper, len(stream)))))
        kind = draw(st.integers(0, 4))
        if kind == 0:
            stream = stream[:at] + stream[at + draw(st.integers(1, 5)) :]
        elif kind == 1:
            stream = stream[:at] + draw(st.sampled_from(SPICE)) + stream[at:]
        elif kind == 2:
            stream = stream[:at] + draw(st.binary(min_size=1, max_size=2)) + stream[at + 1 :]
        elif kind == 3:
            stream = stream[:at] + stream[at : at + 20] + stream[at:]
        else:
            stream = stream[:at] if draw(st.booleans()) else stream[: len(stream) - draw(st.integers(1, 8))]
    return stream


@st.composite
def cases(draw):
    stream, method = draw(streams())
    stream = draw(mutated(stream))
    cuts = draw(st.sampled_from(["none", "each byte", "lines", "some", "some"]))
    if cuts == "none":
        places = []
    elif cuts == "each byte" and len(stream) < 3000:
        places = list(range(1, len(stream)))
    elif cuts == "lines":  # before, within and behind each line end
        places = [at + k for at in range(min(len(stream), 2000)) if stream[at] in b"\r\n" for k in (0, 1)]
    else:
        places = draw(st.lists(st.integers(0, max(len(stream), 1)), max_size=6))
    pieces, last = [], 0
    for place in sorted(set(places)):
        pieces.append(stream[last:place])
        last = place
    pieces.append(stream[last:])
    views = draw(st.lists(st.sampled_from([1, 2, 7, 100, 1000, 50_000, 1 << 20]), min_size=1, max_size=3))
    if len(stream) > 3000:
        views = [max(view, 100) for view in views]
    return stream, method, [piece for piece in pieces if piece], views, draw(st.integers(0, 15))


class Reader:
    """Reads a response as it comes, now eagerly, now late, flushing now and then, or gathers a small one."""

    def __init__(self, loop, method, views, habit):
        self.connection, self.transport = fed(loop, method=method)
        self.views = views
        self.eager, self.flushing, self.cancelling, self.gathering = habit & 1, habit & 2, habit & 4, not habit & 8
        self.gathered = None  # done when a small body is here
        self.at_once = False
        self.status = None
        self.body = b""
        self.error = None
        self.whole = False
        self.reply = self.filling = self.view = None
        self.fills = self.directly = 0

    def read(self):
        """Read as far as it goes; True when there was something to do."""
        connection = self.connection
        if self.reply is None and not self.whole:
            if connection.head is None:
                self.error = connection.error
                return False
            if self.gathering and not self._gather():
                return self.whole
            self.reply = WireReply(connection, connection.head, Timings())
            self.status = self.reply.status
        if self.whole or self.error is not None:
            return False
        if self.filling is None:
            size = self.views[self.fills % len(self.views)]
            self.fills += 1
            self.view = memoryview(bytearray(size))
            self.filling = self.reply.fill(self.view)
            return self._step()
        return self._step() if self.waits.done() else False

    def _gather(self):
        """Have a small body come whole; tells whether there is something to read in another way."""
        connection = self.connection
        self.gathered = self.gathered or connection.gather()
        if self.gathered is not None and not self.gathered.done():
            return False
        self.gathering, connection.gathering = False, False
        view = connection.whole()
        if view is None:
            return True
        self.status, self.body = connection.head.status, bytes(view)
        self.at_once = self.whole = connection.skim()
        return False

    def _step(self):
        try:
            self.waits = self.filling.send(None)
            return False
        except StopIteration as stop:
            self.body += self.view[: stop.value]
            self.whole = stop.value == 0
        except FetchError as error:
            self.error = error
        self.filling = None
        return True

    def disturb(self):
        if self.flushing and self.reply is not None:
            self.reply.flush()
        elif self.flushing:
            self.connection.hasten()
        if self.cancelling and self.filling is not None and self.fills % 3 == 1:
            self.fills += 1
            try:
                self.filling.throw(asyncio.CancelledError)
            except asyncio.CancelledError:
                self.body += self.view[: self.reply.landed]
            self.filling = None

    def exhaust(self):
        for _ in range(STEPS):
            if not self.read():
                return
        raise AssertionError("it does not come to an end")


def run(loop, pieces, method, views, habit):
    """Feed the pieces to a reader; gives it, and whether the connection could be used again before the end came."""
    reader = Reader(loop, method, views, habit)
    transport = reader.transport
    for piece in pieces:
        left = piece
        while left and not transport.aborted:
            left = left[transport.feed(left) :]
            if reader.eager or left:
                reader.exhaust()
            if transport.paused and (reader.whole or reader.error is not None):
                break  # what follows the end of a body may stay where it is
            assert not transport.paused or not left, "paused although somebody reads"
        reader.disturb()
    reader.exhaust()
    usable = reader.connection.usable
    reader.transport.end()
    reader.exhaust()
    return reader, usable


class Llhttp:
    """What llhttp makes of a stream: the first answer that is not interim, if it reads it at all."""

    def __init__(self, stream):
        self.messages = []
        self.parser = httptools.HttpResponseParser(self)
        self.fine = True
        try:
            self.parser.feed_data(stream)
        except httptools.HttpParserError:
            self.fine = False

    def on_message_begin(self):
        self.messages.append([0, b""])

    def on_headers_complete(self):
        self.messages[-1][0] = self.parser.get_status_code()

    def on_body(self, body):
        self.messages[-1][1] += body

    @property
    def answer(self):
        return next(((status, body) for status, body in self.messages if status >= 200), None)


def test_the_right_bytes_or_an_error():
    loop = asyncio.new_event_loop()
    seen = Counter()

    @settings(max_examples=STREAMS, suppress_health_check=list(HealthCheck))
    @given(cases())
    def check(case):
        stream, method, pieces, views, habit = case
        expected = reference.read(stream, method=method)
        reader, usable = run(loop, pieces, method, views, habit)
        assert reader.whole is expected.whole
        assert (reader.status, reader.body) == (expected.status, expected.body)
        assert usable is expected.reusable
        assert reader.whole is not isinstance(reader.error, FetchError)
        seen["streams"] += 1
        seen["whole" if expected.whole else "wrong"] += 1
        seen["cut"] += len(pieces) > 1
        seen["gathered"] += reader.at_once
        seen["gathered in pieces"] += reader.at_once and reader.gathered is not None
        seen[expected.framing] += expected.whole
        if reader.error is not None:
            seen[type(reader.error).__name__] += 1
            seen["wrong after some bytes"] += bool(reader.body)
        if b"chunked\t" in stream.lower():  # llhttp takes the tab for a part of the value
            return
        if expected.whole and method == "GET" and (theirs := Llhttp(stream)).fine and theirs.answer is not None:
            assert theirs.answer == (reader.status, reader.body)
            seen["llhttp agrees"] += 1

    try:
        check()
    finally:
        loop.close()
        print(dict(seen))
    share = seen["streams"] / 100
    assert seen["streams"] >= STREAMS * 0.9
    for case in ("whole", "wrong", "llhttp agrees", "cut"):
        assert seen[case] > 15 * share, (case, seen)
    assert seen["gathered in pieces"] >= 1, seen
    for case in (
        "length",
        "chunked",
        "close",
        "none",
        "Interrupted",
        "ProtocolViolation",
        "wrong after some bytes",
        "gathered",
    ):
        assert seen[case] > share, (case, seen)
