"""An old script on a session with our adapter: what it did over http it does over every scheme."""

import gc
import pickle
import socket
import sys
import threading
from contextlib import closing

import pytest

from asyncfetch import AccessDenied, Busy, FetchError, NotFound, Retry, Settings
from asyncfetch.testing import Chunked, Cut, Gzip, Hold, Pattern, RequireBasic, Stall, Status
from asyncfetch.testing.ftp import FtpServer
from asyncfetch.testing.s3 import S3Server

from ..transports.http.proxy import running, serve_http
from .echo import PASSWORD, USER, echo_server

requests = pytest.importorskip("requests")
from requests.adapters import BaseAdapter, HTTPAdapter  # noqa: E402 - after the look whether it is there

from asyncfetch.integrations import _requests_answers as answers  # noqa: E402
from asyncfetch.integrations.requests import Adapter  # noqa: E402

SCHEMES = ("http://", "https://", "ftp://", "s3://", "file://")
ONCE = Settings(trust_env=False, retry=Retry(attempts=1))
DATA = Pattern(700_000, seed=6).read()


def session_of(settings=ONCE, **more):
    session = requests.Session()
    adapter = Adapter(settings=settings, **more)
    for scheme in SCHEMES:
        session.mount(scheme, adapter)
    return session


@pytest.fixture
def session():
    with closing(session_of()) as session:
        yield session


@pytest.fixture(scope="module")
def echo():
    with echo_server() as url:
        yield url


@pytest.fixture
def ftp():
    with FtpServer() as server:
        yield server


@pytest.fixture(scope="module")
def s3():
    with S3Server() as server:
        yield server


@pytest.fixture(params=["file", "ftp", "s3"])
def place(request, tmp_path):
    """A body under each scheme: its session, its URL, and one of what is not there."""
    if request.param == "file":
        (tmp_path / "a b.txt").write_bytes(DATA)
        settings, url = ONCE, f"file://{tmp_path}/a%20b.txt"
    elif request.param == "ftp":
        settings, url = ONCE, request.getfixturevalue("ftp").serve("folder/a b.txt", DATA).url
    else:
        server = request.getfixturevalue("s3")
        settings, url = Settings(retry=ONCE.retry, s3=server.settings.s3), server.put("a b.txt", DATA)
        patch = request.getfixturevalue("monkeypatch")
        for name, value in server.environment.items():
            patch.setenv(name, value)
    with closing(session_of(settings)) as session:
        yield session, url


# --- schemes that requests does not know


def test_a_body_as_http_would_have_it(place):
    session, url = place
    response = session.get(url)
    response.raise_for_status()
    assert (response.status_code, response.reason, response.ok) == (200, "OK", True)
    assert (response.content, response.url) == (DATA, url)
    assert response.headers["content-length"] == str(len(DATA))
    assert response.headers["Last-Modified"].endswith(" GMT")
    assert response.headers["ETag"].startswith('"')
    assert response.headers["Content-Type"]
    assert response.request.url == url


def test_a_body_as_a_stream(place):
    session, url = place
    with session.get(url, stream=True) as response:
        assert b"".join(response.iter_content(10_000)) == DATA
    with session.get(url, stream=True) as response:
        assert response.raw.read(10) == DATA[:10]
        assert response.raw.read(7, decode_content=True) == DATA[10:17]
        assert b"".join(response.raw.stream(100_000)) == DATA[17:]
        assert response.raw.read() == b""
    with session.get(url, stream=True) as response:
        assert next(response.iter_content(1)) == DATA[:1]
    assert session.get(url).content == DATA


def test_head(place):
    session, url = place
    response = session.head(url)
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["Content-Length"] == str(len(DATA))
    whole = session.get(url)
    assert whole.headers["ETag"] == response.headers["ETag"]
    assert whole.headers["Last-Modified"] == response.headers["Last-Modified"]


def test_what_the_caller_has_already(place):
    session, url = place
    known = session.head(url).headers
    for header, value in [("If-None-Match", known["ETag"]), ("If-Modified-Since", known["Last-Modified"])]:
        for ask in (session.get, session.head):
            response = ask(url, headers={header: value})
            assert (response.status_code, response.content) == (304, b"")
    assert session.get(url, headers={"If-None-Match": '"another"'}).content == DATA
    assert session.get(url, headers={"If-Modified-Since": "Sat, 01 Jan 2000 00:00:00 GMT"}).status_code == 200


def test_what_is_not_there(place):
    session, url = place
    for response in (session.get(url + "-none"), session.head(url + "-none")):
        assert (response.status_code, response.reason) == (404, "Not Found")
        with pytest.raises(requests.HTTPError, match="404 Client Error"):
            response.raise_for_status()
    assert "found nothing at" in session.get(url + "-none").text


def test_only_what_can_be_read(place):
    session, url = place
    with pytest.raises(requests.exceptions.InvalidSchema, match="knows no POST"):
        session.post(url, data=b"x")


def test_what_is_not_for_us(s3, monkeypatch, tmp_path, ftp):
    (tmp_path / "folder").mkdir()
    with closing(session_of()) as session:
        with pytest.raises(requests.ConnectionError):
            session.get(f"file://{tmp_path}/folder")
        assert session.get(ftp.url("a").replace("://", "://nobody:wrong@")).status_code == 403


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotFound("x", url="s3://b/k", status=404), 404),
        (NotFound("x", url="ftp://h/k", status=550), 404),
        (AccessDenied("x", url="s3://b/k", status=403), 403),
        (AccessDenied("x", url="ftp://h/k", status=530), 403),
        (AccessDenied("x", url="file:///k"), 403),
        (Busy("x", url="s3://b/k", status=503), 503),
        (Busy("x", url="s3://b/k", status=429), 429),
        (Busy("x", url="ftp://h/k", status=421), 503),
    ],
)
def test_errors_that_are_statuses(error, status):
    assert answers.status_of(error) == status


def test_every_other_error_is_an_exception_of_requests():
    def kinds(kind):
        yield kind
        for below in kind.__subclasses__():
            yield from kinds(below)

    request = requests.Request("GET", "http://h.example/").prepare()
    ours = {kind for kind in kinds(FetchError) if kind.__module__ == "asyncfetch._model.errors"}
    assert len(ours) > 20
    for kind in ours:
        error = answers.as_requests(kind("reason"), request)
        assert isinstance(error, requests.RequestException), kind
        assert error.request is request


# --- http, which stays what it was


def test_http_goes_over_our_wire_and_is_what_it_was(session, http_server):
    a = http_server.serve("/a", DATA, etag='"v1"', faults=[None, Status(503, retry_after=7), Status(500)])
    for _ in range(2):
        response = session.get(a.url, headers={"X-Mine": "1"}, params={"q": "1"})
    assert (response.status_code, response.headers["Retry-After"]) == (503, "7")
    assert session.get(a.url).status_code == 500
    response = session.get(a.url)
    assert (response.content, response.headers["etag"]) == (DATA, '"v1"')
    assert session.get(a.url, headers={"If-None-Match": '"v1"'}).status_code == 304
    part = session.get(a.url, headers={"Range": "bytes=5-9"})
    assert (part.status_code, part.content, part.headers["Content-Range"]) == (
        206,
        DATA[5:10],
        f"bytes 5-9/{len(DATA)}",
    )
    assert (a.requests[0].header("x-mine"), a.requests[0].query) == ("1", "q=1")
    assert a.requests[0].header("user-agent").startswith("python-requests")
    assert session.head(a.url).headers["Content-Length"] == str(len(DATA))
    missing = session.get(http_server.url("/none"))
    assert (missing.status_code, missing.text) == (404, "there is nothing\n")
    assert http_server.connections == 1


@pytest.mark.parametrize("framing", [(), (Chunked(piece=999),), (Gzip(),), (Gzip(), Chunked())])
def test_a_stream_over_http(session, http_server, framing):
    a = http_server.serve("/a", DATA, always=framing)
    with session.get(a.url, stream=True) as response:
        assert b"".join(response.iter_content(10_000)) == DATA
    assert session.get(a.url).content == DATA


def test_redirects_cookies_and_credentials_are_those_of_requests(session, http_server, echo):
    a = http_server.serve("/a", DATA, always=[RequireBasic(USER, PASSWORD)])
    http_server.redirect("/one", "/a")
    assert session.get(a.url).status_code == 401
    response = session.get(http_server.url("/one"), auth=(USER, PASSWORD))
    assert (response.content, [one.status_code for one in response.history]) == (DATA, [302])
    assert session.get(http_server.url("/one"), allow_redirects=False).headers["Location"] == "/a"
    assert session.get(f"{echo}/cookie").json()["headers"]["Cookie"] == "one=two"
    assert session.cookies.get_dict() == {"one": "two"}
    digest = requests.auth.HTTPDigestAuth(USER, PASSWORD)
    assert session.get(f"{echo}/digest", auth=digest).status_code == 200


def test_bodies_are_sent(session, echo):
    assert session.post(echo, data=b"x").json()["body"] == "x"
    assert session.put(echo, json={"a": 1}).json()["body"] == '{"a": 1}'
    assert session.delete(echo).json()["method"] == "DELETE"
    assert session.post(f"{echo}/303", data=b"x").json()["method"] == "GET"


# --- settings of the session


def test_verify_and_cert(http_server, https_server, ca_file, session):
    a = https_server.serve("/a", DATA)
    with pytest.raises(requests.exceptions.SSLError, match=r"(?i)verify"):
        session.get(a.url)
    assert session.get(a.url, verify=ca_file).content == DATA
    session.verify = ca_file
    assert session.get(a.url).content == DATA
    with pytest.raises(requests.RequestException, match="client certificate at `/none"):
        session.get(a.url, cert=("/none.pem", "/none.key"))
    with pytest.warns(UserWarning, match="does not verify"):
        assert session.get(a.url, verify=False).content == DATA


def test_time_limits(session, http_server):
    a = http_server.serve("/a", DATA, always=[Hold()])
    b = http_server.serve("/b", DATA, always=[Stall(300_000)])
    for timeout in (0.05, (5, 0.05)):
        with pytest.raises(requests.ReadTimeout):
            session.get(a.url, timeout=timeout)
    with pytest.raises(requests.ConnectionError, match="timed out"):
        session.get(b.url, timeout=0.1)
    # a listener whose queue is full does not answer: the third connection waits
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address = listener.getsockname()
        with socket.create_connection(address), socket.socket() as second:
            second.setblocking(False)
            second.connect_ex(address)
            with pytest.raises(requests.ConnectTimeout):
                session.get(f"http://127.0.0.1:{address[1]}/", timeout=(0.05, 5))


def test_proxies(http_server, monkeypatch):
    a = http_server.serve("/a", DATA)

    def by_proxy(proxies=None, own=None):
        """Whether a fresh session asks the proxy."""
        asked = len(proxy.asked)
        with closing(session_of()) as session:
            session.proxies = own or {}
            assert session.get(a.url, proxies=proxies).content == DATA
        return len(proxy.asked) > asked

    with running(serve_http, ("who", "pass")) as proxy:
        assert not by_proxy()
        assert by_proxy({"http": proxy.url()})
        assert by_proxy({"all": proxy.url()})
        assert not by_proxy({"https": proxy.url()})
        assert by_proxy(own={"http": proxy.url()})
        assert by_proxy(own={"http://127.0.0.1": proxy.url()})
        assert not by_proxy(own={"http://h.example": proxy.url()})
        monkeypatch.setenv("http_proxy", proxy.url())
        assert by_proxy()
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        assert not by_proxy()
        with closing(session_of()) as session, pytest.raises(requests.exceptions.ProxyError, match="wants credentials"):
            session.get(a.url, proxies={"http": f"http://127.0.0.1:{proxy.port}", "no_proxy": ""})


def test_failures_of_the_connection(http_server):
    a = http_server.serve("/a", DATA, faults=[Cut(1000)])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with closing(session_of()) as session:
        for url in (f"http://127.0.0.1:{port}/", "http://nobody.invalid/", f"ftp://127.0.0.1:{port}/a"):
            with pytest.raises(requests.ConnectionError, match="could not connect"):
                session.get(url)
        with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
            session.get(a.url)
        assert session.get(a.url).content == DATA


def test_a_lost_answer_is_asked_for_again(http_server):
    from asyncfetch.testing import Raw

    a = http_server.serve("/a", DATA, faults=[Raw(b"")] * 2)
    with closing(session_of(Settings(trust_env=False, retry=Retry(attempts=3, backoff=0)))) as session:
        assert session.get(a.url).content == DATA
    assert a.hits == 3


# --- life


def test_clients_are_shared_and_bounded(http_server):
    a = http_server.serve("/a", DATA)
    with closing(session_of()) as session:
        clients = session.get_adapter("s3://")._clients
        first = session.get(a.url, stream=True, timeout=1)
        for number in range(1, 20):
            for _ in range(2):
                assert session.get(a.url, timeout=10 + number).content == DATA
        assert len(clients._open) == 8
        assert first.content == DATA  # it was in use all the time
        assert http_server.connections == 20
    assert clients._open == {}


def test_a_closed_adapter_begins_anew(session, http_server):
    a = http_server.serve("/a", DATA)
    assert session.get(a.url).content == DATA
    session.close()
    assert not [one for one in threading.enumerate() if one.name == "asyncfetch requests adapter"]
    assert session.get(a.url).content == DATA


def test_a_response_that_is_dropped_lets_go(session, http_server):
    a = http_server.serve("/a", Pattern(50_000_000))
    session.get(a.url, stream=True)
    gc.collect()
    http_server.wait_until(lambda: http_server.open_connections == 0)
    (opened,) = session.get_adapter(a.url)._clients._open.values()
    assert opened.uses == 0


def test_threads_share_a_session(session, http_server):
    pages = [http_server.serve(f"/{number}", b"%d" % number * 1000) for number in range(64)]
    found = {}

    def work(first):
        for page in pages[first::16]:
            found[page.url] = session.get(page.url).content

    threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert found == {page.url: page.data for page in pages}


def test_a_session_is_pickled_with_its_adapter(session, http_server):
    a = http_server.serve("/a", DATA)
    with closing(pickle.loads(pickle.dumps(session))) as again:
        assert isinstance(again.get_adapter("s3://b/k"), Adapter)
        assert again.get(a.url).content == DATA


def test_without_requests_it_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "requests.adapters", None)
    monkeypatch.delitem(sys.modules, "asyncfetch.integrations.requests")
    with pytest.raises(ImportError, match="install it"):
        import asyncfetch.integrations.requests  # noqa: F401 - the import is what is tested


# --- as conda does it


class _CondaSession(requests.Session):
    """How conda's own session is put together: an adapter for each scheme, one object for all downloads."""

    def __init__(self, adapter, timeouts=(9.15, 60.0)):
        super().__init__()
        self.timeouts = timeouts
        for scheme in ("http", "https", "ftp", "s3", "file"):
            self.mount(f"{scheme}://", adapter)
        self.headers["User-Agent"] = "conda/24.1 requests/2.31"
        self.verify = True


def _conda_download(session, url, target):
    """What conda's download does: a stream in chunks of 2**14, its length checked against Content-Length."""
    response = session.get(url, stream=True, proxies=session.proxies, timeout=session.timeouts)
    response.raise_for_status()
    expected, got = int(response.headers.get("Content-Length", 0)), 0
    with target.open("wb") as file:
        for chunk in response.iter_content(2**14):
            got += len(chunk)
            file.write(chunk)
    assert got == expected
    return response


def test_conda_s_session_downloads_over_every_scheme(http_server, ftp, s3, tmp_path, monkeypatch):
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "src").write_bytes(DATA)
    urls = [
        http_server.serve("/linux-64/a.conda", DATA).url,
        ftp.serve("linux-64/a.conda", DATA).url,
        s3.put("linux-64/a.conda", DATA),
        f"file://{tmp_path}/src",
    ]
    adapter = Adapter(settings=Settings(s3=s3.settings.s3, retry=Retry(attempts=1)))
    assert isinstance(adapter, BaseAdapter)
    assert not isinstance(adapter, HTTPAdapter)
    with closing(_CondaSession(adapter)) as session:
        for number, url in enumerate(urls):
            _conda_download(session, url, tmp_path / str(number))
            assert (tmp_path / str(number)).read_bytes() == DATA
            with pytest.raises(requests.HTTPError, match="404"):
                _conda_download(session, url + "-none", tmp_path / "none")
        state = session.head(urls[0]).headers["ETag"]
        assert session.get(urls[0], headers={"If-None-Match": state}).status_code == 304
