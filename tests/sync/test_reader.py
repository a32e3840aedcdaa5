"""A body as a file object: what Python's own readers do with it, and that it does not run ahead of its reader."""

import gzip
import io
import json
import shutil
import tarfile
import threading

import pytest

from asyncfetch import Answer, Interrupted, MistakeError, NotFound, Retry, Settings, sync
from asyncfetch.testing import Chunked, Cut, MemoryTransport, Pattern, Stall

SETTINGS = Settings(trust_env=False, retry=Retry(backoff=0.0))
DATA = Pattern(1_000_000, seed=9).read()


@pytest.fixture
def far():
    return MemoryTransport()


@pytest.fixture
def client(far):
    with sync.Client(settings=SETTINGS, transports={"memory": far}) as client:
        yield client


def test_every_way_to_read_gives_the_same_bytes(client, far):
    a = far.publish("/a", DATA)
    ways = {
        "read": lambda body: body.read(),
        "read of a size": lambda body: b"".join(iter(lambda: body.read(70_001), b"")),
        "read1": lambda body: b"".join(iter(lambda: body.read1(999), b"")),
        "chunks": lambda body: b"".join(body.chunks),
        "iter_chunks": lambda body: b"".join(body.iter_chunks(1_000)),
        "lines": b"".join,
        "copyfileobj": lambda body: (shutil.copyfileobj(body, kept := io.BytesIO()), kept.getvalue())[1],
        "first one byte": lambda body: body.read(1) + body.peek(1)[:0] + body.read(),
    }
    for name, way in ways.items():
        with client.open(a.url) as body:
            assert way(body) == DATA, name
            assert body.read() == b"", name


def test_into_a_buffer_of_the_caller(client, far):
    a = far.publish("/a", DATA)
    buffer = bytearray(len(DATA) + 10)
    with client.open(a.url) as body:
        at = 0
        with memoryview(buffer) as view:
            while count := body.readinto(view[at : at + 300_000]):
                at += count
        assert body.readinto(bytearray(0)) == 0
    assert (at, bytes(buffer[:at])) == (len(DATA), DATA)


def test_chunks_are_of_the_size_asked_for(client, far):
    a = far.publish("/a", DATA)
    with client.open(a.url) as body:
        sizes = [len(chunk) for chunk in body.iter_chunks(64_000)]
    assert max(sizes) <= 64_000
    with client.open(a.url) as body:
        assert max(len(chunk) for chunk in body.chunks) == 256 * 1024
        with pytest.raises(ValueError, match="at least 1"):
            next(body.iter_chunks(0))


def test_it_tells_what_the_body_tells(client, far):
    a = far.publish("/a", DATA, etag='"v1"')
    with client.open(a.url) as body:
        assert (body.answer, body.size, str(body.url), body.offset) == (Answer.FULL, len(DATA), a.url, 0)
        assert body.validator.etag == '"v1"'
        assert repr(body) == f"<Reader {a.url}: full, {len(DATA)} bytes>"
        assert body.readable()
        assert not body.writable()
        assert not body.seekable()
        validator = body.validator
    with client.open(a.url, unless=validator) as body:
        assert (body.answer, body.read()) == (Answer.UNCHANGED, b"")


def test_the_readers_of_python_take_it(client, far):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        info = tarfile.TarInfo("a/b")
        info.size = len(DATA)
        archive.addfile(info, io.BytesIO(DATA))
    far.publish("/a.tar.gz", packed.getvalue())
    far.publish("/a.json", json.dumps({"packages": {"a": 1}}).encode())
    far.publish("/a.gz", gzip.compress(b"one\ntwo\n"))
    with client.open(far.url("/a.tar.gz")) as body, tarfile.open(fileobj=body, mode="r|gz") as archive:
        assert archive.extractfile(archive.next()).read() == DATA
    with client.open(far.url("/a.json")) as body:
        assert json.load(body) == {"packages": {"a": 1}}
    with client.open(far.url("/a.gz")) as body, gzip.open(body, "rt") as text:
        assert list(text) == ["one\n", "two\n"]


def test_what_cannot_be_opened_raises_before_the_block(client, far):
    with pytest.raises(NotFound), client.open(far.url("/none")):
        raise AssertionError("the block must not be entered")


def test_a_body_that_is_cut_goes_on(client, far):
    a = far.publish("/a", DATA, faults=[Cut(400_000), Cut(0), Cut(200_000)])
    with client.open(a.url) as body:
        assert body.read() == DATA
    assert a.hits == 4
    assert far.open_bodies == 0


def test_a_body_that_cannot_go_on_raises_when_it_is_read(client, far):
    a = far.publish("/a", DATA, etag='W/"weak"', faults=[Cut(400_000)])
    kept = b""
    with client.open(a.url) as body, pytest.raises(Interrupted):
        for chunk in body.chunks:
            kept += chunk
    assert kept == DATA[: len(kept)]
    assert 0 < len(kept) <= 400_000


def test_outside_of_its_block_it_is_closed(client, far):
    a = far.publish("/a", DATA)
    with client.open(a.url) as body:
        body.read(10)
    assert body.closed
    assert far.open_bodies == 0
    with pytest.raises(ValueError, match="closed"):
        body.read(10)


def test_what_the_block_raises_is_what_comes_out(client, far):
    a = far.publish("/a", DATA)
    with pytest.raises(LookupError, match="mine"), client.open(a.url) as body:
        body.read(10)
        raise LookupError("mine")
    assert far.open_bodies == 0
    assert client.read(a.url) == DATA


def test_it_does_not_run_ahead_of_its_reader(http_server):
    a = http_server.serve("/a", Pattern(64 << 20))
    with sync.Client(settings=SETTINGS) as client, client.open(a.url) as body:
        body.read(1)
        # what is on its way lies in the sockets: the server cannot have sent the whole
        for _ in range(20):
            http_server.wait_until(lambda: a.body_bytes_sent > 0)
        assert a.body_bytes_sent < 32 << 20


@pytest.mark.parametrize("framing", [(), (Chunked(),)])
def test_a_slow_body_is_given_as_it_comes(http_server, framing):
    go_on = threading.Event()
    a = http_server.serve("/a", DATA, faults=[(Stall(1_000, until=go_on), *framing)])
    with sync.Client(settings=SETTINGS) as client, client.open(a.url) as body:
        first = b""
        while len(first) < 1_000:
            first += next(body.chunks)
        assert first == DATA[:1_000]
        go_on.set()
        assert body.read() == DATA[1_000:]


def test_a_client_that_is_closed_takes_its_bodies_along(far):
    a = far.publish("/a", DATA)
    with sync.Client(settings=SETTINGS, transports={"memory": far}) as client, client.open(a.url) as body:
        body.read(10)
        client.close()
        with pytest.raises(MistakeError, match="closed"):
            body.raw.readall()
    assert far.open_bodies == 0
