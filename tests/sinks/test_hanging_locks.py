"""Locks as network file systems have them: unsupported, or hanging; and private parts, which take their place."""

import errno
import fcntl
import os
import threading

import anyio
import anyio.lowlevel
import pytest

from asyncfetch._disk import names, private
from asyncfetch._disk.lock import LockUnsupported, try_lock
from asyncfetch.testing import Hold

from ..client.scene import LARGE, SMALL, client, digest_of, far_end, until

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(os.name == "nt", reason="flock")]


@pytest.fixture
def hanging(monkeypatch):
    """A lock that hangs until the event is set, as that of a server that is gone."""
    go = threading.Event()
    asked = []

    def hang(descriptor):
        asked.append(threading.current_thread().name)
        assert go.wait(10)
        return try_lock(descriptor)

    monkeypatch.setattr("asyncfetch._disk.hold.try_lock", hang)
    monkeypatch.setattr("asyncfetch._disk.private.try_lock", hang)
    monkeypatch.setattr("asyncfetch._sinks.claim.HANGS", 0.05)
    yield go, asked
    go.set()


@pytest.mark.descriptors
@pytest.mark.parametrize("digested", [True, False])
async def test_a_lock_that_hangs_is_given_up_once(tmp_path, hanging, digested):
    go, asked = hanging
    far = far_end()
    async with client(far) as one:
        for number in range(3):
            page = far.publish(f"/{number}", LARGE if number else SMALL)
            digest = digest_of(page.version.data) if digested else None
            result = await one.fetch(page.url, tmp_path / str(number), digest=digest)
            assert result.transferred == len(page.version.data)
        assert asked == ["asyncfetch-open"], "never on the loop, and not once for every file"
        go.set()
        if digested:
            assert (await one.fetch(page.url, tmp_path / "2", digest=digest)).transferred == 0
    await until(lambda: not [thread for thread in threading.enumerate() if thread.name == "asyncfetch-open"])
    assert sorted(os.listdir(tmp_path)) == ["0", "1", "2"]


async def test_the_loop_goes_on_while_a_lock_hangs(tmp_path, hanging, monkeypatch):
    go, asked = hanging
    monkeypatch.setattr("asyncfetch._sinks.claim.HANGS", 10.0)
    far = far_end()
    page = far.publish("/page", SMALL)
    async with client(far) as one, anyio.create_task_group() as tasks:
        tasks.start_soon(one.fetch, page.url, tmp_path / "file")
        await until(lambda: asked)
        for _ in range(10):
            await anyio.lowlevel.checkpoint()
        go.set()
    assert (tmp_path / "file").read_bytes() == SMALL


@pytest.mark.descriptors
@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
async def test_without_locks_both_write_their_own(tmp_path, monkeypatch, code):
    def flock(*arguments):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", flock)
    go = threading.Event()
    far = far_end()
    page = far.publish("/page", LARGE, faults=[Hold(go), Hold(go)])
    results = []

    async def fetch():
        async with client(far) as one:
            results.append(await one.fetch(page.url, tmp_path / "file", digest=digest_of(LARGE)))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(fetch)
        tasks.start_soon(fetch)
        await until(lambda: page.hits == 2)
        assert sorted(os.listdir(tmp_path)) == ["file.private-1.part", "file.private-2.part"]
        go.set()
    assert [result.transferred for result in results] == [len(LARGE)] * 2
    assert (tmp_path / "file").read_bytes() == LARGE
    assert os.listdir(tmp_path) == ["file"]


# --- private parts that are left


@pytest.mark.parametrize("digested", [True, False])
@pytest.mark.parametrize("there", [True, False])
async def test_who_comes_next_removes_what_a_killed_one_left(tmp_path, digested, there):
    far = far_end()
    page = far.publish("/page", SMALL)
    to = tmp_path / "file"
    for number in (1, 2):
        (tmp_path / f"file.private-{number}.part").write_bytes(b"half")
    held = os.open(tmp_path / "file.private-2.part", os.O_RDWR)
    assert try_lock(held)
    if there:
        to.write_bytes(SMALL)
    try:
        async with client(far) as one:
            await one.fetch(page.url, to, digest=digest_of(SMALL) if digested else None)
        assert sorted(os.listdir(tmp_path)) == ["file", "file.private-2.part"], "that one is being written"
    finally:
        os.close(held)


def test_a_private_part_of_another_kind_is_left_alone(tmp_path):
    (tmp_path / "file.private-1.part").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").write_bytes(b"mine")
    (tmp_path / "file.private-2.part").mkdir()
    private.sweep(str(tmp_path / "file"))
    assert sorted(os.listdir(tmp_path)) == ["elsewhere", "file.private-1.part", "file.private-2.part"]


@pytest.mark.parametrize(("age", "left"), [(100, True), (100_000, False)])
def test_without_locks_age_tells(tmp_path, monkeypatch, age, left):
    def refuse(_):
        raise LockUnsupported

    monkeypatch.setattr(private, "try_lock", refuse)
    path, descriptor = private.open_private(str(tmp_path / "file"), locked=True)
    os.close(descriptor)
    about = os.stat(path)
    os.utime(path, (about.st_mtime - age, about.st_mtime - age))
    private.sweep(str(tmp_path / "file"))
    assert os.path.exists(path) == left


# --- names


def test_names_that_are_long(tmp_path):
    plain = str(tmp_path / ("n" * 240))
    assert names.part_path(plain) == plain + ".part"
    assert not names.is_shortened(plain)
    longer, other = (str(tmp_path / ("é" * 120 + end)) for end in ("xx", "xy"))
    assert names.is_shortened(longer)
    assert names.part_path(longer) != names.part_path(other)
    for path in (names.part_path(longer) + ".json", names.private_path(longer, 9)):
        assert os.path.dirname(path) == str(tmp_path)
        assert len(os.fsencode(os.path.basename(path))) <= 255
        assert os.path.basename(path).startswith("é" * 100 + ".")


@pytest.mark.descriptors
@pytest.mark.parametrize("name", ["n" * 255, "é" * 127, "n" * 246])
async def test_the_longest_name_is_fetched_and_resumed(tmp_path, name):
    from asyncfetch import Interrupted, Retry
    from asyncfetch.testing import Cut

    far = far_end()
    page = far.publish("/page", LARGE, faults=[Cut(2_000_000)])
    async with client(far, retry=Retry(attempts=1)) as one:
        with pytest.raises(Interrupted):
            await one.fetch(page.url, tmp_path / name)
        result = await one.fetch(page.url, tmp_path / name)
    assert result.resumed_from == 2_000_000
    assert os.listdir(tmp_path) == [name]


async def test_a_name_that_is_too_long_fails_before_anything_is_fetched(tmp_path):
    from asyncfetch import NotWritable

    far = far_end()
    page = far.publish("/page", SMALL)
    async with client(far) as one:
        with pytest.raises(NotWritable, match="too long") as caught:
            await one.fetch(page.url, tmp_path / ("n" * 256))
    assert caught.value.errno == errno.ENAMETOOLONG
    assert page.hits == 0
    assert os.listdir(tmp_path) == []
