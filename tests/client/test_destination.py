"""Where the file goes, what it replaces, and what is refused there."""

import contextlib
import errno
import os
import resource
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from asyncfetch import Fetch, InvalidUrl, Limits, MistakeError, NoSpace, NotWritable, TooLarge
from asyncfetch.testing import Chunked, Cut, HttpServer, Pattern

from .scene import LARGE, SMALL, client, digest_of, far_end, whole_or_nothing

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]


def run(arguments, **more):
    """A short process; nothing else happens on the loop meanwhile."""
    return subprocess.run(arguments, capture_output=True, cwd=ROOT, check=more.pop("check", False), **more)


@pytest.fixture
def far():
    return far_end()


@pytest.fixture
def page(far):
    return far.publish("/page", SMALL)


# --- names


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/a/b.txt", "b.txt"),
        ("/a%20b", "a b"),
        ("/b.txt?x=/y/z", "b.txt"),
        ("/b.txt#part", "b.txt"),
        ("/%C3%A4", "ä"),
        ("/%FF", "\udcff"),
        ("/a;b=c", "a;b=c"),
        ("/...", "..."),
        ("/.hidden", ".hidden"),
        ("/x%0Ay", "x\ny"),
        ("/100%", "100%"),
        ("/-rf", "-rf"),
    ],
)
@pytest.mark.parametrize("ends", ["exists", "separator", "slash"])
async def test_the_name_in_a_directory(far, tmp_path, path, name, ends):
    folder = tmp_path / "folder"
    to = {"exists": folder, "separator": f"{folder}{os.sep}", "slash": f"{folder}/"}[ends]
    if ends == "exists":
        folder.mkdir()
    page = far.publish("/x", SMALL)
    url = far.url(path)
    from asyncfetch import Url

    far._resources[Url(url).reveal()] = page
    async with client(far) as one:
        result = await one.fetch(url, to)
    assert result.path == str(folder / name)
    assert os.listdir(folder) == [name]


@pytest.mark.parametrize(
    "path", ["/", "/a/", "/..", "/.", "/%2E%2E", "/a%2Fb", "/..%2Fx", "/%2Fetc%2Fpasswd", "/a%00b", "/a%5Cb"]
)
async def test_a_name_that_leaves_the_directory(far, tmp_path, path):
    async with client(far) as one:
        with pytest.raises(InvalidUrl):
            await one.fetch(far.url(path), f"{tmp_path}/")
        (outcome,) = await one.fetch_all([Fetch(far.url(path), tmp_path)])
        assert isinstance(outcome, InvalidUrl)
        assert outcome.fetch is not None
    assert far.requests == []
    assert os.listdir(tmp_path) == []


async def test_parents_are_made(far, page, tmp_path):
    async with client(far) as one:
        await one.fetch(page.url, tmp_path / "a" / "b" / "c")
        await one.fetch(page.url, f"{tmp_path}/d/e/")
    assert (tmp_path / "a" / "b" / "c").read_bytes() == SMALL
    assert (tmp_path / "d" / "e" / "page").read_bytes() == SMALL


async def test_a_relative_destination(far, page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    async with client(far) as one:
        assert (await one.fetch(page.url, "file")).path == str(tmp_path / "file")
        assert (await one.fetch(page.url, ".")).path == str(tmp_path / "page")
        assert (await one.fetch(page.url, "a/../b")).path == str(tmp_path / "b")
    assert sorted(os.listdir(tmp_path)) == ["b", "file", "page"]


@pytest.mark.parametrize("length", [245, 246, 250, 255, 256])
async def test_a_long_name(far, tmp_path, length):
    """The name is the limit, not what we put beside it."""
    page = far.publish("/page", LARGE)
    async with client(far) as one:
        outcome = (await one.fetch_all([Fetch(page.url, tmp_path / ("x" * length))]))[0]
    if length <= 250:
        assert os.listdir(tmp_path) == ["x" * length]
    elif length > 255:
        assert isinstance(outcome, NotWritable)
        assert outcome.errno == errno.ENAMETOOLONG
        assert os.listdir(tmp_path) == []


# --- what it replaces


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002, 0o000])
@pytest.mark.parametrize("there", [None, 0o640])
async def test_permissions_follow_the_umask(far, page, tmp_path, umask, there):
    large = far.publish("/large", LARGE, faults=[Cut(100_000)])
    if there is not None:
        for name in ("file", "large"):
            (tmp_path / name).touch(there)
    before = os.umask(umask)
    try:
        async with client(far) as one:
            await one.fetch(page.url, tmp_path / "file")
            await one.fetch(large.url, tmp_path / "large")
    finally:
        os.umask(before)
    for name in ("file", "large"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o666 & ~umask


async def test_a_link_is_replaced_and_not_followed(far, page, tmp_path):
    (tmp_path / "target").write_bytes(b"precious")
    (tmp_path / "file").symlink_to("target")
    (tmp_path / "nowhere").symlink_to("gone")
    async with client(far) as one:
        await one.fetch(page.url, tmp_path / "file")
        await one.fetch(page.url, tmp_path / "nowhere")
    assert (tmp_path / "target").read_bytes() == b"precious"
    for name in ("file", "nowhere"):
        assert not (tmp_path / name).is_symlink()
        assert (tmp_path / name).read_bytes() == SMALL
    assert sorted(os.listdir(tmp_path)) == ["file", "nowhere", "target"]


async def test_a_link_to_the_right_file_is_enough(far, page, tmp_path):
    (tmp_path / "target").write_bytes(SMALL)
    (tmp_path / "file").symlink_to("target")
    async with client(far) as one:
        await one.fetch(page.url, tmp_path / "file", digest=digest_of(SMALL))
    assert page.hits == 0
    assert (tmp_path / "file").is_symlink()


async def test_a_hard_link_keeps_its_other_name(far, page, tmp_path):
    (tmp_path / "file").write_bytes(b"precious")
    os.link(tmp_path / "file", tmp_path / "other")
    async with client(far) as one:
        await one.fetch(page.url, tmp_path / "file")
    assert (tmp_path / "other").read_bytes() == b"precious"


async def test_an_open_file_keeps_its_bytes(far, page, tmp_path):
    (tmp_path / "file").write_bytes(b"precious")
    with (tmp_path / "file").open("rb") as reader:
        async with client(far) as one:
            await one.fetch(page.url, tmp_path / "file")
        assert reader.read() == b"precious"


@pytest.mark.parametrize("kind", ["fifo", "device", "link to device", "socket"])
@pytest.mark.parametrize("digested", [True, False])
async def test_what_is_no_file_is_not_replaced(far, page, tmp_path, kind, digested):
    """Or the first ``-o /dev/null`` by root would be the end of /dev/null."""
    path = tmp_path / "file"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "device":
        if os.geteuid() != 0:
            pytest.skip("only root can make one")
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    elif kind == "socket":
        os.mknod(path, stat.S_IFSOCK | 0o666)
    else:
        path.symlink_to("/dev/null")
    before = path.lstat()
    async with client(far) as one:
        with pytest.raises(NotWritable, match="not a plain file"):
            await one.fetch(page.url, path, digest=digest_of(SMALL) if digested else None)
    after = path.lstat()
    assert (after.st_mode, after.st_ino) == (before.st_mode, before.st_ino)
    assert os.listdir(tmp_path) == ["file"]
    assert page.hits == 0


# --- what is refused


async def test_a_file_where_a_directory_should_be(far, page, tmp_path):
    (tmp_path / "file").write_bytes(b"precious")
    async with client(far) as one:
        for to in (f"{tmp_path}/file/", tmp_path / "file" / "below", tmp_path / "file" / "a" / "b"):
            with pytest.raises(NotWritable) as raised:
                await one.fetch(page.url, to)
            assert raised.value.errno in {errno.ENOTDIR, errno.EEXIST}
            assert raised.value.filename
    assert (tmp_path / "file").read_bytes() == b"precious"
    assert page.hits == 0


@pytest.mark.parametrize("to", ["", "a\0b", b"bytes", 5, []])
async def test_a_destination_that_is_none(far, page, to):
    async with client(far) as one:
        with pytest.raises(MistakeError):
            await one.fetch(page.url, to)


async def test_half_a_surrogate_pair(far, page, tmp_path):
    async with client(far) as one:
        with pytest.raises(MistakeError):
            await one.fetch(page.url, f"{tmp_path}/a\ud800")


async def test_a_loop_of_links(far, page, tmp_path):
    """As a destination it is a link like another, which is replaced; as a folder it leads nowhere."""
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    async with client(far) as one:
        with pytest.raises(NotWritable) as raised:
            await one.fetch(page.url, tmp_path / "one" / "below")
        assert raised.value.errno == errno.ELOOP
        await one.fetch(page.url, tmp_path / "one")
    assert (tmp_path / "one").read_bytes() == SMALL
    assert (tmp_path / "two").read_bytes() == SMALL


# --- disks that are full, and places that are not ours


@contextlib.contextmanager
def tmpfs(folder, size, *options):
    if os.geteuid() != 0 or sys.platform != "linux":
        pytest.skip("mounting a tmpfs takes root, on Linux")
    folder.mkdir()
    mounted = run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder])
    if mounted.returncode:
        pytest.skip(f"a tmpfs cannot be mounted here: {mounted.stderr.decode()}")
    try:
        yield folder
    finally:
        run(["umount", folder], check=True)


@pytest.mark.parametrize("digested", [True, False])
@pytest.mark.parametrize("known", [True, False], ids=["size-known", "size-unknown"])
async def test_a_full_disk(tmp_path, digested, known):
    body = Pattern(12_000_000, seed=4)
    with tmpfs(tmp_path / "small", "8m") as folder, HttpServer() as server:
        (folder / "file").write_bytes(b"old")
        page = server.serve("/page", body, always=[] if known else [Chunked(piece=60_000)])
        mirror = server.serve("/mirror", body)
        async with client() as one:
            with pytest.raises(NoSpace) as raised:
                await one.fetch(
                    page.url, folder / "file", digest=page.digest if digested else None, mirrors=[mirror.url]
                )  # fmt: skip
            assert raised.value.errno == errno.ENOSPC
            assert raised.value.filename == str(folder / "file")
            assert (page.hits, mirror.hits) == (1, 0)
            good = whole_or_nothing(folder, body.read(), old=b"old")
            if known:
                assert page.body_bytes_sent < len(body), "the first byte was too much"
                assert good == 0
            else:
                assert good > 4_000_000, "what arrived is kept"
        run(["mount", "-o", "remount,size=40m", folder], check=True)
        async with client() as one:
            result = await one.fetch(page.url, folder / "file", digest=page.digest if digested else None)
        assert result.resumed_from == good
        assert (folder / "file").read_bytes() == body.read()


async def test_the_part_that_will_be_dropped_counts_as_free(far, tmp_path):
    """Else a part of an earlier body could keep its successor out for ever."""
    with tmpfs(tmp_path / "small", "8m") as folder:
        page = far.publish("/page", Pattern(6_000_000, seed=1), faults=[Cut(5_000_000)])
        async with client(far) as one:
            from asyncfetch import Interrupted, Retry

            async with client(far, retry=Retry(attempts=1)) as impatient:
                with pytest.raises(Interrupted):
                    await impatient.fetch(page.url, folder / "file")
            page.change(Pattern(6_500_000, seed=2))
            await one.fetch(page.url, folder / "file")
        assert (folder / "file").stat().st_size == 6_500_000


async def test_a_file_system_without_room_for_a_name(far, tmp_path):
    with tmpfs(tmp_path / "small", "8m") as folder:
        run(["mount", "-o", "remount,nr_inodes=3", folder], check=False)
        page = far.publish("/page", LARGE)
        (folder / "a").touch()
        with contextlib.suppress(OSError):
            (folder / "b").touch()
        async with client(far) as one:
            with pytest.raises(NoSpace):
                await one.fetch(page.url, folder / "file")
        assert sorted(os.listdir(folder))[:1] == ["a"]
        assert "file" not in os.listdir(folder)


async def test_a_read_only_file_system(far, page, tmp_path):
    with tmpfs(tmp_path / "small", "1m") as folder:
        (folder / "file").write_bytes(b"old")
        run(["mount", "-o", "remount,ro", folder], check=True)
        async with client(far) as one:
            for to in (folder / "file", folder / "new", folder / "a" / "b"):
                with pytest.raises(NotWritable) as raised:
                    await one.fetch(page.url, to)
                assert raised.value.errno == errno.EROFS
        assert (folder / "file").read_bytes() == b"old"
    assert page.hits == 0


async def test_a_limit_on_the_size_of_files(tmp_path):
    """RLIMIT_FSIZE raises SIGXFSZ, which Python ignores, and EFBIG."""
    child = (
        "import sys, resource, anyio, asyncfetch\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000))\n"
        "async def main():\n"
        "    async with asyncfetch.Client() as client:\n"
        "        try:\n"
        "            await client.fetch(sys.argv[1], sys.argv[2])\n"
        "        except asyncfetch.NoSpace as error:\n"
        "            print(error.errno)\n"
        "anyio.run(main)\n"
    )
    with HttpServer() as server:
        page = server.serve("/page", LARGE)
        done = run(
            [sys.executable, "-c", child, page.url, tmp_path / "file"],
            text=True,
            check=False,
        )
        assert (done.stdout, done.stderr) == (f"{errno.EFBIG}\n", "")
        assert whole_or_nothing(tmp_path, LARGE) >= 1_000_000


async def test_a_place_that_is_not_ours(far, tmp_path):
    """As another user, in a process of its own: root may do everything."""
    if os.geteuid() != 0:
        pytest.skip("needs root to become somebody else")
    child = (
        "import sys, os, anyio, asyncfetch\n"
        "import asyncfetch._client, asyncfetch._transports.file, asyncfetch._transports.registry\n"
        "import encodings.idna, mimetypes, anyio._backends._asyncio\n"
        "os.setgid(12345); os.setuid(12345)\n"
        "async def main():\n"
        "    async with asyncfetch.Client() as client:\n"
        "        for outcome in await client.fetch_all([asyncfetch.Fetch(sys.argv[1], to) for to in sys.argv[2:]]):\n"
        "            print(type(outcome).__name__, getattr(outcome, 'errno', None))\n"
        "anyio.run(main)\n"
    )
    open_to_all = tmp_path / "open"
    closed = tmp_path / "closed"
    for folder, mode in ((open_to_all, 0o777), (closed, 0o755)):
        folder.mkdir()
        folder.chmod(mode)
    for parent in (tmp_path, *tmp_path.parents):
        if parent != Path("/") and not parent.stat().st_mode & 0o001:
            parent.chmod(0o755)
    (closed / "file").write_bytes(b"old")
    (open_to_all / "taken.part").write_bytes(b"root's")
    (open_to_all / "source").write_bytes(SMALL)
    (open_to_all / "source").chmod(0o644)
    targets = [closed / "file", closed / "new", closed / "a" / "b", open_to_all / "fine", open_to_all / "taken"]
    done = run(
        [sys.executable, "-c", child, (open_to_all / "source").as_uri(), *targets], text=True,
    )  # fmt: skip
    assert done.stderr == ""
    assert done.stdout.split("\n")[:-1] == [f"NotWritable {errno.EACCES}"] * 3 + ["Result None"] * 2
    assert (closed / "file").read_bytes() == b"old"
    assert os.listdir(closed) == ["file"]
    assert (open_to_all / "taken.part").read_bytes() == b"root's"
    assert (open_to_all / "taken").read_bytes() == SMALL


# --- memory


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, 1_000_000])
@pytest.mark.parametrize("known", [True, False])
async def test_the_ceiling_of_memory(size, known):
    with HttpServer() as server:
        body = Pattern(size).read()
        page = server.serve("/page", body, always=[] if known else [Chunked()])
        async with client(limits=Limits(memory=2_000_000)) as one:
            assert await one.read(page.url, limit=size) == body
            assert await one.read(page.url) == body
            assert (await one.fetch(page.url)).content == body
            if size:
                with pytest.raises(TooLarge):
                    await one.read(page.url, limit=size - 1)
        async with client(limits=Limits(memory=max(0, size - 1))) as one:
            if size:
                with pytest.raises(TooLarge):
                    await one.fetch(page.url)


@pytest.mark.parametrize("known", [True, False])
async def test_a_body_in_memory_takes_little_more_than_itself(known):
    import tracemalloc

    with HttpServer() as server:
        page = server.serve("/page", Pattern(20_000_000), always=[] if known else [Chunked(piece=1_000_000)])
        async with client() as one:
            await one.read(page.url)
            tracemalloc.start()
            try:
                content = await one.read(page.url)
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
    assert len(content) == 20_000_000
    assert peak < (2.5 if known else 4.5) * 20_000_000


async def test_an_endless_body_is_stopped():
    with HttpServer() as server:
        page = server.serve("/page", Pattern(1 << 40), always=[Chunked(piece=100_000)])
        async with client(limits=Limits(memory=3_000_000)) as one:
            with pytest.raises(TooLarge):
                await one.read(page.url)
    assert page.body_bytes_sent < 60_000_000


async def test_a_large_file_takes_little_memory(tmp_path):
    """Of the process, whatever the allocator: the buffers are the bound."""
    with HttpServer() as server:
        page = server.serve("/page", Pattern(200_000_000))
        async with client() as one:
            await one.fetch(page.url, tmp_path / "first", size=200_000_000)
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            await one.fetch(page.url, tmp_path / "second", digest=page.digest)
            after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert (after - before) * 1024 < 24 * 1024 * 1024
