"""The guards of the suite hold: see ``tests/conftest.py``."""

import os
import socket
import threading
import urllib.request

import anyio
import pytest

from tests import conftest


@pytest.fixture
def trespasses():
    """What was noted; forgotten afterwards, so that the guard does not fail the test that tries it."""
    yield conftest._trespasses
    conftest._trespasses.clear()


@pytest.mark.parametrize("address", [("192.0.2.1", 80), ("8.8.8.8", 53), ("10.0.0.1", 80)])
def test_no_connection_leaves_the_machine(trespasses, address):
    with pytest.raises(ConnectionRefusedError, match="tests stay on this machine"):
        socket.create_connection(address, timeout=5)
    assert len(trespasses) == 1


def test_no_datagram_leaves_the_machine(trespasses):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one, pytest.raises(ConnectionRefusedError):
        one.sendto(b"x", ("192.0.2.1", 9))
    assert len(trespasses) == 1


def test_no_name_is_looked_up(trespasses):
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("www.example.org", 80)
    assert len(trespasses) == 1


def test_a_name_that_never_exists_fails_without_a_complaint(trespasses):
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("nowhere.invalid", 80)
    assert trespasses == []


def test_loopback_is_open(trespasses):
    with socket.create_server(("127.0.0.1", 0)) as server:
        for host in ("127.0.0.1", "localhost"):
            with socket.create_connection((host, server.getsockname()[1])):
                pass
    assert trespasses == []


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])  # uvloop's own sockets are out of reach
async def test_event_loops_are_guarded_too(trespasses):
    with pytest.raises(OSError):
        await anyio.connect_tcp("192.0.2.1", 80)
    assert len(trespasses) == 1


@pytest.mark.anyio
@pytest.mark.every_loop
async def test_the_loops(anyio_backend_name, request):
    import sniffio

    assert sniffio.current_async_library() == anyio_backend_name
    if anyio_backend_name == "asyncio":
        import asyncio

        kind = type(asyncio.get_running_loop()).__module__
        assert kind.startswith("uvloop" if "uvloop" in request.node.name else "asyncio")


def test_the_environment_is_neutral():
    assert urllib.request.getproxies_environment() == {}
    assert not {".netrc", ".aws", ".conda", ".condarc", ".config"} & set(os.listdir(os.path.expanduser("~")))
    assert not {name for name in os.environ if name.startswith("AWS_")} - {"AWS_EC2_METADATA_DISABLED"}


def _guard(name, *arguments):
    """One of the suite's fixtures, to be run by hand."""
    return getattr(conftest, name).__wrapped__(*arguments)


def test_a_thread_left_is_told():
    guard = _guard("_no_threads_left")
    next(guard)
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait, name="asyncfetch-left", daemon=True)
    thread.join = lambda timeout: None  # the guard gives it time to end; it will not
    thread.start()
    try:
        with pytest.raises(AssertionError, match="asyncfetch-left"):
            next(guard)
    finally:
        stop.set()
        threading.Thread.join(thread)


@pytest.mark.descriptors
@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="no /proc")
def test_a_descriptor_left_is_told(request):
    guard = _guard("_no_descriptors_left", request)
    next(guard)
    left, other = socket.socketpair()
    try:
        with pytest.raises(AssertionError, match="left open"):
            next(guard)
    finally:
        left.close()
        other.close()
