"""Far ends that repeat what they were told, in an answer that makes no sense: errors do not repeat it once more.

An echo service on the wrong port is enough for that: what it sends is our request, credentials and all.
"""

import logging
import pickle
import socket
import threading
import traceback
from contextlib import contextmanager, suppress

import pytest

from asyncfetch import AccessDenied, Client, FetchError, MistakeError, ProtocolViolation, Request, Retry, Settings, Url
from asyncfetch._transports.http.transport import HttpTransport

pytestmark = pytest.mark.anyio
SECRET = "hush" + "Zq7-and-more"  # tracebacks quote these lines, too
LANES = [("wire", "asyncio"), ("httpx", "asyncio"), ("httpx", "trio")]
OK = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture(params=LANES, ids=["wire", "httpx", "httpx-trio"])
def lane(request):
    return request.param[0]


@pytest.fixture
def anyio_backend(request):
    return request.node.callspec.params["lane"][1]


@contextmanager
def answering(answer):
    """A server that makes its answer of the request it was sent, and closes; gives its port and what it was sent."""
    told = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve():
            with suppress(OSError), listening.accept()[0] as wire:
                data = b""
                while b"\r\n\r\n" not in data and (more := wire.recv(65536)):
                    data += more
                told.append(data)
                wire.sendall(answer(data))
                wire.shutdown(socket.SHUT_WR)
                while wire.recv(65536):
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listening.getsockname()[1], told
        finally:
            if not told:
                socket.create_connection(listening.getsockname()).close()
            thread.join()


def from_authorization(data):
    """The request from its credentials on."""
    return data[data.lower().index(b"authorization:") :]


ANSWERS = {
    "the request": lambda data: data,
    "a head, then the request": lambda data: OK + data,
    "a status line, then the request": lambda data: b"HTTP/1.1 " + data,
    "a header with a space before its colon": lambda data: OK + from_authorization(data).replace(b":", b" :", 1),
    "a folded header": lambda data: OK + b"A: b\r\n " + from_authorization(data),
    "chunks": lambda data: (
        OK + b"Transfer-Encoding: chunked\r\n\r\n" + from_authorization(data).partition(b"token ")[2]
    ),
    "a reason": lambda data: b"HTTP/1.1 404 " + from_authorization(data),
    "trailers": lambda data: OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + data,
}


@pytest.mark.parametrize("answer", ANSWERS)
async def test_what_is_repeated_is_not_shown(lane, answer, caplog):
    caplog.set_level(logging.DEBUG)
    settings = Settings(retry=Retry(attempts=1), trust_env=False)
    http = HttpTransport(settings, lane=lane)
    with answering(ANSWERS[answer]) as (port, told):
        url = f"http://127.0.0.1:{port}/t/{SECRET}/x"
        error = None
        try:
            async with Client(settings=settings, transports={"http": http}) as client:
                await client.read(url, headers={"Authorization": f"token {SECRET}"})
        except FetchError as caught:
            error = caught
        finally:
            await http.aclose()
    assert told[0].count(SECRET.encode()) == 2
    assert error is not None or (lane == "httpx" and answer in {"a folded header", "trailers"})  # h11 is lenient there
    if error is not None:
        pickled = pickle.loads(pickle.dumps(error))
        said = [str(error), repr(error), repr(vars(pickled)), "".join(traceback.format_exception(error))]
        assert SECRET[:6] not in "".join(said) + caplog.text


async def test_the_first_word_of_who_speaks_something_else_is_shown(lane):
    http = HttpTransport(Settings(trust_env=False), lane="wire")
    if lane != "wire":
        pytest.skip("h11 quotes whole lines, which are not shown at all")
    with answering(lambda _: b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n") as (port, _):
        with pytest.raises(ProtocolViolation, match=r"'SSH-2\.0-OpenSSH_9\.2p1'"):
            async with http.open(Request(Url(f"http://127.0.0.1:{port}/"))):
                pass
        await http.aclose()


async def test_a_header_that_cannot_be_sent_is_not_quoted(lane):
    """h11 quotes it: white space around a value is more than it takes."""
    http = HttpTransport(Settings(trust_env=False), lane=lane)
    with answering(lambda _: b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n") as (port, _):
        with pytest.raises((MistakeError, AccessDenied)) as caught:
            async with http.open(Request(Url(f"http://127.0.0.1:{port}/"), headers=(("X-Api-Key", f"{SECRET} "),))):
                pass
        await http.aclose()
    assert SECRET not in "".join(traceback.format_exception(caught.value))
