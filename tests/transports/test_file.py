"""file: URLs, ranges, files that change, and every way in which opening one can fail."""

import errno
import os
import stat
import subprocess
import sys
import threading
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import anyio
import pytest

from asyncfetch import (
    AccessDenied,
    Answer,
    FetchError,
    Interrupted,
    InvalidUrl,
    Limits,
    NotFound,
    RangeRefused,
    Request,
    Retry,
    Settings,
    SourceError,
    Url,
    Validator,
    Verdict,
)
from asyncfetch._disk import copy
from asyncfetch._transports.file import FileTransport, local_path
from asyncfetch.testing import Pattern, check_transport
from asyncfetch.testing.far_ends import open_far_end

from ..client.scene import LARGE, MIDDLE, SMALL, client, digest_of, idle, until, whole_or_nothing

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]


@pytest.fixture
def transport():
    return FileTransport(Settings())


@pytest.fixture
def source(tmp_path):
    (tmp_path / "source").mkdir()
    return tmp_path / "source"


@pytest.fixture
def target(tmp_path):
    (tmp_path / "target").mkdir()
    return tmp_path / "target"


async def get(transport, url, **more):
    async with transport.open(Request(Url(url), **more)) as body:
        return b"".join([chunk async for chunk in body.chunks]), body


async def test_it_is_a_transport():
    @asynccontextmanager
    async def maker():
        with open_far_end("file") as far_end:
            yield FileTransport(Settings()), far_end

    await check_transport(maker)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("file:///a/b", "/a/b"),
        ("file://localhost/a", "/a"),
        ("file://LOCALHOST/a", "/a"),
        ("file:/a", "/a"),
        ("file:///a%20b%3Fc%23d", "/a b?c#d"),
        ("file:///%C3%A4", "/ä"),
        ("file:///%FF", "/\udcff"),
        ("file:///a#fragment", "/a"),
        ("file:///", "/"),
        ("file:///a//b", "/a//b"),
        ("file:///100%", "/100%"),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="paths are others there")
def test_paths(url, path):
    assert local_path(Url(url)) == path


@pytest.mark.parametrize(
    "url", ["file://host/a", "file://127.0.0.1/a", "file://localhost:80/a", "file://user@localhost/a", "file:///a?b", "file:///a%00b"]
)  # fmt: skip
async def test_urls_that_are_refused(url, transport):
    for work in (transport.stat(Request(Url(url))), get(transport, url)):
        with pytest.raises(InvalidUrl):
            await work
    with pytest.raises(InvalidUrl):
        async for _ in transport.list(Url(url)):
            pass


async def test_ranges(transport, source):
    path = source / "file"
    path.write_bytes(MIDDLE)
    url = path.as_uri()
    whole, body = await get(transport, url)
    assert (whole, body.answer, body.size, body.offset) == (MIDDLE, Answer.FULL, len(MIDDLE), 0)
    rest, body = await get(transport, url, offset=100_000, matching=body.validator)
    assert (rest, body.answer, body.offset) == (MIDDLE[100_000:], Answer.PARTIAL, 100_000)
    part, body = await get(transport, url, offset=10, end=20)
    assert (part, body.size) == (MIDDLE[10:20], len(MIDDLE))
    front, body = await get(transport, url, end=20)
    assert front == MIDDLE[:20]
    over, _ = await get(transport, url, offset=len(MIDDLE) - 5, end=len(MIDDLE) + 100)
    assert over == MIDDLE[-5:]
    for offset in (len(MIDDLE), len(MIDDLE) + 1):
        with pytest.raises(RangeRefused):
            await get(transport, url, offset=offset)
    none, body = await get(transport, url, unless=body.validator)
    assert (none, body.answer) == (b"", Answer.UNCHANGED)
    other = Validator(url, etag="1-2", modified="3", size=4, strong=True)
    whole, body = await get(transport, url, offset=10, matching=other)
    assert (whole, body.answer) == (MIDDLE, Answer.FULL)
    whole, body = await get(transport, url, unless=other)
    assert whole == MIDDLE


@pytest.mark.parametrize("how", ["grown", "shrunk", "rewritten", "touched"])
async def test_a_file_that_changes_while_it_is_read(transport, source, how):
    path = source / "file"
    path.write_bytes(LARGE)
    os.utime(path, ns=(10**18, 10**18))
    with pytest.raises(Interrupted):
        async with transport.open(Request(Url(path.as_uri()))) as body:
            view = memoryview(bytearray(1_000_000))
            await body.fill(view)
            if how == "shrunk":
                os.truncate(path, 2_000_000)
            elif how == "touched":
                os.utime(path)
            else:
                _write(path, at=len(LARGE) if how == "grown" else 0)
            while await body.fill(view):
                pass


def _write(path, *, at):
    with path.open("r+b") as file:
        file.seek(at)
        file.write(b"y" * 1_000)


async def test_a_file_replaced_while_it_is_read_is_the_old_one(transport, source):
    """As an installer replaces them: by a rename, after which we still have the one we opened."""
    path = source / "file"
    path.write_bytes(LARGE)
    async with transport.open(Request(Url(path.as_uri()))) as body:
        view = memoryview(bytearray(1_000_000))
        count = await body.fill(view)
        front = bytes(view[:count])
        (source / "new").write_bytes(SMALL)
        (source / "new").rename(path)
        assert front + b"".join([chunk async for chunk in body.chunks]) == LARGE


async def _raises(transport, url):
    found = []
    for work in (transport.stat(Request(Url(url))), get(transport, url)):
        with pytest.raises(FetchError) as raised:
            await work
        found.append(raised.value)
    return found


async def test_what_is_not_there(transport, source):
    (source / "file").touch()
    (source / "nowhere").symlink_to("gone")
    for name in ("gone", "gone/below", "nowhere"):
        for error in await _raises(transport, (source / name).as_uri()):
            assert isinstance(error, NotFound)
            assert error.verdict is Verdict.NEXT_SOURCE
            assert isinstance(error.__cause__, OSError)
    for error in await _raises(transport, (source / "file" / "below").as_uri()):
        assert isinstance(error, SourceError)
    with pytest.raises(NotFound):
        async for _ in transport.list(Url((source / "gone").as_uri())):
            pass


@pytest.mark.parametrize("kind", ["directory", "fifo", "socket", "device"])
@pytest.mark.timeout(10)
async def test_what_is_no_file(transport, source, kind):
    """A fifo without a writer would hold the loop for ever."""
    path = source / "it"
    if kind == "directory":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        os.mknod(path, stat.S_IFSOCK | 0o666)
    else:
        if os.geteuid() != 0:
            pytest.skip("only root can make one")
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))  # /dev/zero: endless
    with pytest.raises(SourceError) as raised:
        await get(transport, path.as_uri())
    assert not isinstance(raised.value, NotFound)
    if kind == "directory":
        with pytest.raises(SourceError):
            await transport.stat(Request(Url(path.as_uri())))
    async with client() as one:
        with pytest.raises(SourceError):
            await one.read(path.as_uri())


async def test_what_may_not_be_read(source):
    """In a process that is not root: it is never called absent."""
    if os.geteuid() != 0:
        pytest.skip("needs root to become somebody else")
    child = (
        "import sys, os, anyio, asyncfetch\n"
        "import asyncfetch._client, asyncfetch._transports.file, asyncfetch._transports.registry\n"
        "import encodings.idna, mimetypes, anyio._backends._asyncio\n"
        "os.setgid(12345); os.setuid(12345)\n"
        "async def main():\n"
        "    async with asyncfetch.Client() as client:\n"
        "        for url in sys.argv[1:]:\n"
        "            for verb in (client.read, client.stat):\n"
        "                try:\n"
        "                    await verb(url)\n"
        "                    print('fine')\n"
        "                except asyncfetch.FetchError as error:\n"
        "                    print(type(error).__name__)\n"
        "anyio.run(main)\n"
    )
    for parent in (source, *source.parents):
        if parent != Path("/") and not parent.stat().st_mode & 0o001:
            parent.chmod(0o755)
    (source / "closed").mkdir(0o700)
    (source / "closed" / "file").touch()
    (source / "secret").touch(0o600)
    (source / "open").touch(0o644)
    urls = [(source / name).as_uri() for name in ("secret", "closed/file", "closed/none", "none", "open")]
    done = subprocess.run([sys.executable, "-c", child, *urls], capture_output=True, text=True, cwd=ROOT, check=False)  # noqa: ASYNC221 - short
    assert done.stderr == ""
    # a file that may not be read may still be looked at
    expected = ["AccessDenied", "fine", *["AccessDenied"] * 4, "NotFound", "NotFound", "fine", "fine"]
    assert done.stdout.split() == expected


@pytest.mark.parametrize(
    ("code", "kind"),
    [(errno.EACCES, AccessDenied), (errno.EPERM, AccessDenied), (errno.ENOENT, NotFound), (errno.EIO, Interrupted),
     (errno.ESTALE, Interrupted), (errno.ELOOP, SourceError), (errno.ENAMETOOLONG, SourceError),
     (errno.EMFILE, SourceError)],
)  # fmt: skip
async def test_every_error_is_of_the_tree(transport, source, monkeypatch, code, kind):
    (source / "file").write_bytes(SMALL)

    def fail(*arguments):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("asyncfetch._transports.file.os.open", fail)
    with pytest.raises(kind) as raised:
        await get(transport, (source / "file").as_uri())
    monkeypatch.undo()
    assert raised.value.__cause__.errno == code
    assert raised.value.url == (source / "file").as_uri()


async def test_listing(transport, source):
    (source / "b").write_bytes(SMALL)
    (source / "a b?#%").touch()
    (source / "folder").mkdir()
    (source / "link").symlink_to("b")
    (source / "nowhere").symlink_to("gone")
    os.mkfifo(source / "fifo")
    (source / "\udcff").touch()
    for url in (source.as_uri(), source.as_uri() + "/"):
        entries = {entry.name: entry async for entry in transport.list(Url(url))}
        kinds = {name: entry.kind for name, entry in entries.items()}
        assert kinds == {
            "b": "file", "a b?#%": "file", "folder": "directory", "link": "file", "nowhere": "other", "fifo": "other",
            "\udcff": "file",
        }  # fmt: skip
        assert entries["b"].size == len(SMALL)
        assert entries["folder"].size is None
        assert entries["b"].modified.tzinfo is not None
        assert local_path(entries["a b?#%"].url) == str(source / "a b?#%")
        data, _ = await get(transport, entries["b"].url.reveal())
        assert data == SMALL
        await get(transport, entries["\udcff"].url.reveal())
        assert [entry async for entry in transport.list(entries["folder"].url)] == []
    with pytest.raises(SourceError):
        async for _ in transport.list(Url((source / "b").as_uri())):
            pass


async def test_stat(transport, source):
    (source / "file.json").write_bytes(SMALL)
    os.utime(source / "file.json", ns=(10**18, 10**18 + 5))
    about = await transport.stat(Request(Url((source / "file.json").as_uri())))
    assert about.size == len(SMALL)
    assert about.content_type == "application/json"
    assert about.modified.timestamp() == 10**9
    assert about.validator.strong
    _, body = await get(transport, (source / "file.json").as_uri())
    assert body.validator == about.validator


# --- together with the sink: the kernel copies


@pytest.mark.parametrize("body", [b"", b"x", SMALL, LARGE, Pattern(70_000_000).read()], ids=len)
@pytest.mark.parametrize("digested", [True, False])
@pytest.mark.descriptors
async def test_fetching_a_file(source, target, body, digested):
    (source / "file").write_bytes(body)
    async with client() as one:
        url = (source / "file").as_uri()
        result = await one.fetch(url, target / "file", digest=digest_of(body) if digested else "sha1", size=len(body))
        assert (result.size, result.transferred) == (len(body), len(body))
        if len(body) < 10_000_000:
            assert await one.read(url) == body
        assert (await one.fetch(url, target / "file", unless=result.validator)).unchanged
        await idle(one)
    assert (target / "file").read_bytes() == body
    assert whole_or_nothing(target, body) == 0


async def test_fetching_a_file_onto_itself(source):
    (source / "file").write_bytes(LARGE)
    async with client() as one:
        await one.fetch((source / "file").as_uri(), source / "file")
    assert (source / "file").read_bytes() == LARGE


@pytest.mark.parametrize("copied", ["range", "sendfile", "read"])
async def test_every_way_to_copy(source, target, monkeypatch, copied):
    def cannot(*arguments):
        raise OSError(errno.EXDEV, "not here")

    if copied != "range":
        monkeypatch.setattr("asyncfetch._disk.copy._by_range", cannot)
    if copied == "read":
        monkeypatch.setattr("asyncfetch._disk.copy._by_sendfile", cannot)
    (source / "file").write_bytes(LARGE)
    async with client() as one:
        await one.fetch((source / "file").as_uri(), target / "file", digest=digest_of(LARGE))
    assert (target / "file").read_bytes() == LARGE


@pytest.mark.parametrize("changed", [True, False])
async def test_a_copy_is_resumed(source, target, monkeypatch, changed):
    """Cancelled after some of it; later it goes on there, if the file is still the same."""
    monkeypatch.setattr("asyncfetch._sinks.writing._COPIED", 1_000_000)
    (source / "file").write_bytes(LARGE)
    url = (source / "file").as_uri()
    second = threading.Event()
    copies = []

    def copy_some(*arguments):
        copies.append(real(*arguments))
        if len(copies) == 2:
            second.set()
        elif len(copies) == 3:
            go.wait(10)
        return copies[-1]

    real, go = copy.copy_some, threading.Event()
    monkeypatch.setattr("asyncfetch._sinks.writing.copy_some", copy_some)
    async with client() as one:
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(one.fetch, url, target / "file")
                await anyio.to_thread.run_sync(second.wait)
                threading.Timer(0.02, go.set).start()
                scope.cancel()
        monkeypatch.undo()
        good = whole_or_nothing(target, LARGE)
        assert good >= 2_000_000
        body = LARGE
        if changed:
            body = LARGE[::-1]
            (source / "file").write_bytes(body)
            os.utime(source / "file", ns=(10**18, 10**18))
        result = await one.fetch(url, target / "file", digest=digest_of(body))
    assert result.resumed_from == (0 if changed else good)
    assert (target / "file").read_bytes() == body


async def test_a_cancelled_copy_reads_no_other_file(source, target, transport):
    """The job outlives its body, whose descriptor may be another file's by then."""
    (source / "one").write_bytes(MIDDLE[::-1])  # too small for the free space to be asked for first
    (source / "two").write_bytes(MIDDLE)
    go = threading.Event()

    scope = anyio.CancelScope()

    async def fetch_one():
        with scope:
            await one.fetch((source / "one").as_uri(), target / "one")

    async with client() as one:
        one._disk.writer.submit(partial(go.wait, 10))  # so that the copy waits in its queue
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(fetch_one)
            await until(lambda: len(_descriptors(source / "one")) == 2)  # the body's, and the duplicate that is queued
            scope.cancel()
            await until(lambda: len(_descriptors(source / "one")) == 1)
            async with transport.open(Request(Url((source / "two").as_uri()))) as body:
                go.set()
                await one._disk.writer.run(lambda: None)
                assert b"".join([chunk async for chunk in body.chunks]) == MIDDLE


def _descriptors(path):
    found = []
    for number in os.listdir("/proc/self/fd"):
        try:
            if os.readlink(f"/proc/self/fd/{number}") == str(path):
                found.append(int(number))
        except OSError:
            continue
    return found


@pytest.mark.parametrize("how", ["grown", "shrunk", "rewritten"])
async def test_a_file_that_changes_while_it_is_copied(source, target, monkeypatch, how):
    monkeypatch.setattr("asyncfetch._sinks.writing._COPIED", 1_000_000)
    path = source / "file"
    path.write_bytes(LARGE)
    os.utime(path, ns=(10**18, 10**18))
    real, count = copy.copy_some, 0

    def changing(*arguments):
        nonlocal count
        count += 1
        if count == 2:
            if how == "grown":
                _write(path, at=len(LARGE))
            elif how == "shrunk":
                os.truncate(path, 1_500_000)
            else:
                _write(path, at=0)
        return real(*arguments)

    monkeypatch.setattr("asyncfetch._sinks.writing.copy_some", changing)
    async with client() as one:
        await one.fetch(path.as_uri(), target / "file")
    assert (target / "file").read_bytes() == path.read_bytes()
    assert os.listdir(target) == ["file"]


async def test_the_rate_holds_for_files_too(source, target):
    (source / "file").write_bytes(SMALL)
    async with client(limits=Limits(rate=1e9), retry=Retry(attempts=1)) as one:
        await one.fetch((source / "file").as_uri(), target / "file")
    assert (target / "file").read_bytes() == SMALL
