"""A connection driven by hand: bytes fed in, fills stepped through, on a loop that never runs."""

from asyncfetch._model.exchange import Timings
from asyncfetch._transports.http.reply import WireReply

from .ends import fed

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\n\r\n"


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
    return WireReply(connection, connection.head, Timings())


def opened(loop, head, *, method="GET"):
    connection, transport = fed(loop, method=method)
    assert transport.feed(head) == len(head)
    assert connection.head is not None
    return connection, transport, reply_to(connection)


def view_of(size):
    return memoryview(bytearray(size))
