"""ftp and ftps against servers that none of us wrote: vsftpd, proftpd, pure-ftpd, in every way they speak TLS.

vsftpd and proftpd demand here that data connections resume the TLS session of the control connection; all three name
an address in their replies to PASV that is not theirs.
"""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from typing import ClassVar
from urllib.parse import quote

import anyio
import pytest

from asyncfetch import AccessDenied, Answer, Busy, ConnectFailed, Ftp, NotFound, Settings, Trust, Untrusted, Url
from asyncfetch._model.exchange import Request
from asyncfetch._transports.ftp import FtpTransport
from asyncfetch._transports.ftp.control import Control
from asyncfetch.testing import Authority, Pattern, check_transport
from asyncfetch.testing.far_ends import FarEnd
from tests.servers.process import folder_for_all, missing
from tests.servers.proftpd import proftpd
from tests.servers.pureftpd import pureftpd
from tests.servers.vsftpd import vsftpd

from .conftest import get, read

absent = missing("vsftpd", "proftpd", "pure-ftpd")
pytestmark = [pytest.mark.anyio, pytest.mark.skipif(absent is not None, reason=str(absent))]

DATA = Pattern(3_000_001).read()
SERVERS = {
    "vsftpd": (vsftpd, None, {}),
    "vsftpd-explicit": (vsftpd, "explicit", {}),
    "vsftpd-implicit": (vsftpd, "implicit", {}),
    "proftpd": (proftpd, None, {}),
    "proftpd-explicit": (proftpd, "explicit", {}),
    "proftpd-explicit-1.2": (proftpd, "explicit", {"protocol": "TLSv1.2"}),
    "proftpd-implicit": (proftpd, "implicit", {}),
    "pure-ftpd": (pureftpd, None, {}),
    "pure-ftpd-explicit": (pureftpd, "explicit", {}),
}


@pytest.fixture(scope="module")
def anyio_backend():
    """One loop: the others are for the embedded server, which takes a tenth of the time to log somebody in."""
    return "asyncio"


@pytest.fixture(scope="module")
def place():
    with folder_for_all() as folder:
        yield folder


@pytest.fixture(scope="module")
def authority(place):
    one = Authority()
    one.write(place / "ca.pem")
    one.write_server_certificate(place / "pair.pem", rsa=True)
    return one


@pytest.fixture(scope="module")
def root(place):
    """What they serve."""
    folder = place / "root"
    for name in ("", "d", "empty", "closed"):
        (folder / name).mkdir()
    for name, data in (
        ("f", DATA),
        ("none", b""),
        ("d/a b.txt", b"x"),
        ("closed/f", b"x"),
        ("secret", b"x"),
        ("é", b"e"),
    ):
        (folder / name).write_bytes(data)
        os.utime(folder / name, (1_600_000_000, 1_600_000_000))
    (folder / "secret").chmod(0o600)
    (folder / "closed").chmod(0o700)
    return folder


class Served:
    """A server that runs, and what a client is to be told of it."""

    def __init__(self, far, scheme, settings):
        self.far, self.scheme, self.settings = far, scheme, settings

    def url(self, path):
        return self.far.url(path, scheme=self.scheme)

    @asynccontextmanager
    async def transport(self):
        one = FtpTransport(self.settings)
        try:
            yield one
        finally:
            await one.aclose()


@pytest.fixture(scope="module", params=SERVERS)
def served(request, place, root, authority):
    make, tls, more = SERVERS[request.param]
    work = place / request.param
    work.mkdir(exist_ok=True)
    work.chmod(0o755)
    settings = Settings(ftp=Ftp(tls=tls or "explicit"), trust=Trust(verify=str(place / "ca.pem")))
    if make is not pureftpd or tls != "implicit":
        more = {**more, "tls": tls}
    with make(root, work, certificate=place / "pair.pem", **more) as far:
        yield Served(far, "ftp" if tls is None else "ftps", settings)


class Folder(FarEnd):
    """A server as a far end of `check_transport`."""

    scheme: ClassVar[str] = "ftp"
    listing: ClassVar[bool] = True

    def __init__(self, served):
        self.served = served
        self.time = 1_600_000_000

    def publish(self, name, data):
        path = self.served.far.root / "rules" / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(data)
        self.time += 1
        os.utime(path, (self.time, self.time))
        return self.url(name)

    def url(self, name):
        return self.served.url(f"rules/{name.replace(' ', '%20')}")


# each login takes proftpd a tenth of a second and more, and the rules take many: one of its four ways must do
RULED = [name for name in SERVERS if name not in {"proftpd", "proftpd-explicit-1.2", "proftpd-implicit"}]


@pytest.mark.parametrize("served", RULED, indirect=True)
async def test_the_rules_of_a_transport_hold(served):
    @asynccontextmanager
    async def make():
        async with served.transport() as one:
            yield one, Folder(served)

    await check_transport(make)


async def test_full_resumed_unchanged(served):
    async with served.transport() as one:
        about = await one.stat(Request(Url(served.url("f"))))
        assert (about.size, about.modified.timestamp(), about.validator.strong) == (len(DATA), 1_600_000_000, True)
        assert await get(one, served.url("f")) == DATA
        held = about.validator
        async with one.open(Request(Url(served.url("f")), offset=1_000_000, matching=held)) as body:
            assert (body.answer, body.offset, body.size) == (Answer.PARTIAL, 1_000_000, len(DATA))
            assert await read(body) == DATA[1_000_000:]
        async with one.open(Request(Url(served.url("f")), unless=held)) as body:
            assert body.answer is Answer.UNCHANGED
        assert await get(one, served.url("f"), offset=1_000, end=2_000) == DATA[1_000:2_000]
        assert await get(one, served.url("none")) == b""
        assert await get(one, served.url("%C3%A9")) == b"e"
        assert await get(one, served.url("%2Ff"), offset=len(DATA) - 1) == DATA[-1:]


async def test_one_connection_for_it_all(served, monkeypatch):
    made = []
    connect = Control.connect

    async def counted(self, *arguments):
        made.append(self)
        await connect(self, *arguments)

    monkeypatch.setattr(Control, "connect", counted)
    async with served.transport() as one:
        for _ in range(3):
            await get(one, served.url("d/a%20b.txt"))
            assert [entry.name async for entry in one.list(Url(served.url("d")))] == ["a b.txt"]
            with pytest.raises(NotFound):
                await get(one, served.url("nothing"))
    assert len(made) == 1


async def test_what_is_not_there(served):
    async with served.transport() as one:
        for path in ("nothing", "nothing/f", "empty/f", "d", "f/f", ".hidden"):
            with pytest.raises(NotFound):
                await get(one, served.url(path))
            with pytest.raises(NotFound):
                await one.stat(Request(Url(served.url(path))))


async def test_what_is_there_but_not_for_us(served):
    async with served.transport() as one:
        for path in ("secret", "closed/f"):
            with pytest.raises(AccessDenied):
                await get(one, served.url(path))
        with pytest.raises(AccessDenied):
            [entry async for entry in one.list(Url(served.url("closed/")))]


async def test_listing(served):
    async with served.transport() as one:
        entries = {entry.name: entry async for entry in one.list(Url(served.url("")))}
        assert {"f", "none", "d", "empty", "é"} <= set(entries)
        assert (entries["f"].kind, entries["f"].size) == ("file", len(DATA))
        assert entries["f"].modified.timestamp() // 86_400 == 1_600_000_000 // 86_400
        assert entries["d"].kind == "directory"
        (inner,) = [entry async for entry in one.list(entries["d"].url)]
        assert await get(one, inner.url) == b"x"
        assert [entry async for entry in one.list(Url(served.url("empty")))] == []
        for path in ("nothing/", "nothing/d/", "f/"):
            with pytest.raises(NotFound):
                [entry async for entry in one.list(Url(served.url(path)))]


# what a shell, a pattern, an option, a URL or a reader of listings would make something else of
ODD = [
    "two words", "  leading", "trailing ", "a+b", "100%41", "q?x", "h#y", "semi;type=i", "type=file; x", "[a]*?",
    "{a,b}", "-la", "--help", "~", "~root", "$HOME", "back\\slash", 'say "so"', "'one'", "a -> b", "tab\there",
    "日本語", "Gro\u0308sse", "ÿ", "|pipe", "&and", "a=b", "@at", ":colon", "...", ".dot", "Jan  1 12:00 x", "x" * 200,
    "\udcfe\udc80",  # two bytes that are no text; not 0xFF, which proftpd takes for Telnet's own (RFC 854)
]  # fmt: skip
UNLISTED = {"...", ".dot", "back\\slash"}  # by those who think of ls; by us, as it is a path on Windows


async def test_names_of_any_characters(served, root):
    names = {name: name.encode("utf-8", "surrogateescape") for name in ODD}
    if served.far.name == "pure-ftpd":  # it has a `_` for a tab, and "553 Prohibited file name" for the other
        del names["tab\there"], names["back\\slash"]
    (root / "odd").mkdir(exist_ok=True)
    for name, data in names.items():
        (root / "odd" / name).write_bytes(data)
    async with served.transport() as one:
        for data in names.values():
            assert await get(one, served.url(f"odd/{quote(data, safe='')}")) == data
        found = {entry.name: entry.url async for entry in one.list(Url(served.url("odd/")))}
        for name, url in found.items():
            if name in names:
                assert await get(one, url) == names[name]
        assert set(names) - set(found) <= UNLISTED


async def test_after_a_cancelled_transfer(served):
    async with served.transport() as one:
        for _ in range(3):
            with anyio.CancelScope() as scope:
                async with one.open(Request(Url(served.url("f")))) as body:
                    await body.fill(memoryview(bytearray(1_000)))
                    scope.cancel()
                    await anyio.lowlevel.checkpoint()
            assert await get(one, served.url("d/a%20b.txt")) == b"x"


async def test_a_login_that_fails(served):
    if served.far.name == "pure-ftpd":
        pytest.skip("it waits for seconds before it says so")
    async with served.transport() as one:
        with pytest.raises(AccessDenied) as caught:
            await get(one, f"{served.scheme}://nobody:wrong@127.0.0.1:{served.far.port}/f")
    assert caught.value.status == 530


async def test_a_certificate_of_nobody(served):
    if served.scheme == "ftps":
        served = Served(served.far, served.scheme, Settings(ftp=served.settings.ftp))
        async with served.transport() as one:
            with pytest.raises(Untrusted):
                await get(one, served.url("f"))


@pytest.mark.parametrize("make", [vsftpd, proftpd])
async def test_a_limit_of_connections_is_no_refusal(make, place, root):
    work = place / f"{make.__name__}-limited"
    work.mkdir(exist_ok=True)
    with make(root, work, per_host=2) as far:  # the one that saw it listen may still count
        served = Served(far, "ftp", Settings())
        request = Request(Url(served.url("f")))
        async with served.transport() as one, one.open(request) as body:
            with pytest.raises(Busy):
                async with one.open(request), one.open(request):
                    pass
            assert await read(body) == DATA


@pytest.mark.parametrize("make", [vsftpd, proftpd])
async def test_a_data_connection_that_resumes_nothing_is_refused_there(make, place, root, authority, monkeypatch):
    """The servers above really demand it: without our session the same transfer fails."""
    monkeypatch.setattr(Control, "session", None)
    work = place / f"{make.__name__}-strict"
    work.mkdir(exist_ok=True)
    with make(root, work, tls="explicit", certificate=place / "pair.pem") as far:
        served = Served(far, "ftps", Settings(trust=Trust(verify=str(place / "ca.pem"))))
        async with served.transport() as one:
            with pytest.raises((Untrusted, ConnectFailed), match=r"session reuse required|425 Unable to build"):
                await get(one, served.url("f"))
