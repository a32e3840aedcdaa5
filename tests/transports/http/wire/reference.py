"""A second reading of HTTP/1.1 responses: slow, plain, over the whole stream at once, and written from the RFC alone.

It shares no code with the wire. `read` gives what a reader must get of a stream that ends in order after its last byte.
"""

import contextlib
import re
from dataclasses import dataclass, field

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"


class Refused(Exception):
    pass


@dataclass
class Reading:
    """``status`` None: there is no answer. ``whole``: the body came to its end. ``reusable``: so may the connection."""

    status: int | None = None
    body: bytes = b""
    whole: bool = False
    reusable: bool = False
    interim: int = 0
    framing: str = ""
    headers: list = field(default_factory=list)


def read(stream, *, method="GET"):
    reading = Reading()
    with contextlib.suppress(Refused):
        _read(reading, stream, method)
    return reading


def _read(reading, stream, method):
    while True:
        head, end, stream = stream.partition(b"\r\n\r\n")
        if not end or len(head) + 4 > 65536:
            raise Refused
        minor, status, headers = _head(head)
        if status >= 200:
            break
        reading.interim += 1
        if status == 101 or reading.interim > 16:
            raise Refused
        _framing(headers, minor)
    length, chunked = _framing(headers, minor)
    reading.status, reading.headers = status, headers
    options = [
        part.strip(b" \t").lower() for name, value in headers if name == b"connection" for part in value.split(b",")
    ]
    lasting = b"close" not in options and (minor > 0 or b"keep-alive" in options)
    if method == "HEAD" or status in (204, 304):
        reading.framing = "none"
        left = stream
    elif chunked:
        reading.framing = "chunked"
        left = _chunks(reading, stream)
    elif length is not None:
        reading.framing = "length"
        reading.body, left = stream[:length], stream[length:]
        if len(reading.body) < length:
            raise Refused
    else:
        reading.framing = "close"
        reading.body, left, lasting = stream, b"", False
    reading.whole = True
    reading.reusable = lasting and not left


def _head(head):
    status_line, *lines = head.split(b"\r\n")
    match = re.fullmatch(rb"HTTP/1\.(\d) ([1-9]\d\d)( [^\r\n\0]*)?", status_line)
    if not match or len(lines) > 128:
        raise Refused
    headers = []
    for line in lines:
        parts = re.fullmatch(rb"(" + _TOKEN + rb"):([^\r\n\0]*)", line)
        if not parts:
            raise Refused
        headers.append((parts[1].lower(), parts[2].strip(b" \t")))
    return int(match[1]), int(match[2]), headers


def _framing(headers, minor):
    codings = [value for name, value in headers if name == b"transfer-encoding"]
    lengths = {part.strip(b" \t") for name, value in headers if name == b"content-length" for part in value.split(b",")}
    if codings:
        if lengths or minor == 0 or len(codings) > 1 or codings[0].lower() != b"chunked":
            raise Refused
        return None, True
    if not lengths:
        return None, False
    if len(lengths) > 1:
        raise Refused
    (text,) = lengths
    if not re.fullmatch(rb"[0-9]{1,18}", text):
        raise Refused
    return int(text), False


def _chunks(reading, stream):
    while True:
        line, end, behind = stream.partition(b"\r\n")
        match = re.fullmatch(rb"([0-9A-Fa-f]{1,15})[ \t]*(;[^\r\n\0]*)?", line)
        if not end or not match:
            raise Refused
        size = int(match[1], 16)
        if size == 0:
            break
        reading.body += behind[:size]
        if behind[size : size + 2] != b"\r\n":
            raise Refused
        stream = behind[size + 2 :]
    while True:
        line, end, behind = behind.partition(b"\r\n")
        if not end:
            raise Refused
        if not line:
            return behind
        if not re.fullmatch(_TOKEN + rb":[^\r\n\0]*", line):
            raise Refused
