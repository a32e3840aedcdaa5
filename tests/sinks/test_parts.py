"""What lies at NAME.part and NAME.part.json: used only if it is ours, plain, and vouched for; never followed."""

import json
import os
import socket
import stat

import anyio
import pytest

from asyncfetch import Interrupted, Retry
from asyncfetch._disk.lock import LockUnsupported
from asyncfetch.testing import Change, Cut

from ..client.scene import LARGE, SMALL, client, digest_of, far_end

pytestmark = pytest.mark.anyio
ON_ASYNCIO = pytest.mark.parametrize("anyio_backend", ["asyncio"])  # where the loop makes no difference
HELD = 2_500_000


@pytest.fixture
def far():
    return far_end()


@pytest.fixture
async def page(far, tmp_path):
    """A page of which a part lies beside ``file`` in the temporary folder."""
    page = far.publish("/page", LARGE, faults=[Cut(HELD)])
    async with client(far, retry=Retry(attempts=1)) as one:
        with pytest.raises(Interrupted):
            await one.fetch(page.url, tmp_path / "file")
    assert (tmp_path / "file.part").stat().st_size == HELD
    return page


async def fetch(far, page, folder, *, offset, left=(), body=LARGE, **more):
    async with client(far) as one:
        result = await one.fetch(page.url, folder / "file", **more)
    assert (folder / "file").read_bytes() == body
    assert stat.S_ISREG((folder / "file").lstat().st_mode)
    assert page.requests[-1].offset == offset
    assert result.resumed_from == offset
    assert {path.name for path in folder.iterdir()} == {"file", *left}
    return result


@pytest.mark.descriptors
async def test_a_part_is_resumed(far, page, tmp_path):
    result = await fetch(far, page, tmp_path, offset=HELD)
    assert result.transferred == len(LARGE) - HELD
    assert result.resumed_from == HELD


async def test_a_part_is_resumed_and_the_whole_is_hashed(far, page, tmp_path):
    result = await fetch(far, page, tmp_path, offset=HELD, digest=["md5", digest_of(LARGE)])
    assert result.digest.algorithm == "md5"
    import hashlib

    assert result.digest.value == hashlib.md5(LARGE).hexdigest()


async def test_a_complete_part_is_proved_by_its_last_byte(far, page, tmp_path):
    """As when the process was killed before the rename."""
    with (tmp_path / "file.part").open("ab") as part:
        part.write(LARGE[HELD:])
    _rewrite(tmp_path, good=len(LARGE))
    await fetch(far, page, tmp_path, offset=len(LARGE) - 1)


def _rewrite(folder, **changes):
    path = folder / "file.part.json"
    fields = json.loads(path.read_text())
    validator = {**fields["validator"], **changes.pop("validator", {})}
    path.write_text(json.dumps({**fields, "validator": validator, **changes}))


async def test_a_part_longer_than_its_note_is_cut(far, page, tmp_path):
    """Bytes may reach the disk before the note that vouches for them."""
    with (tmp_path / "file.part").open("ab") as part:
        part.write(b"junk" * 1000)
    await fetch(far, page, tmp_path, offset=HELD)


@pytest.mark.parametrize("good", [1, 1_000_000])
async def test_a_note_that_vouches_for_less(far, page, tmp_path, good):
    _rewrite(tmp_path, good=good)
    with (tmp_path / "file.part").open("r+b") as part:
        part.seek(good)
        part.write(b"\0" * 1000)
    await fetch(far, page, tmp_path, offset=good)


USELESS = {
    "missing": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "broken": lambda path: path.write_bytes(path.read_bytes()[:-20]),
    "binary": lambda path: path.write_bytes(bytes(range(256))),
    "a list": lambda path: path.write_text("[]"),
    "deep": lambda path: path.write_text("[" * 60_000),
    "long number": lambda path: path.write_text('{"schema": ' + "1" * 50_000 + "}"),
    "huge": lambda path: path.write_bytes(path.read_bytes() + b"x" * 1_000_000),
    "twice": lambda path: path.write_bytes(path.read_bytes() * 2),
    "another schema": lambda path: _rewrite(path.parent, schema=2),
    "more than there is": lambda path: _rewrite(path.parent, good=HELD + 1),
    "more than the size": lambda path: _rewrite(path.parent, size=HELD - 1),
    "negative": lambda path: _rewrite(path.parent, good=-1),
    "zero": lambda path: _rewrite(path.parent, good=0),
    "no number": lambda path: _rewrite(path.parent, good="100"),
    "true": lambda path: _rewrite(path.parent, good=True),
    "a fraction": lambda path: _rewrite(path.parent, good=1.5),
    "infinite": lambda path: path.write_text(path.read_text().replace(str(HELD), "Infinity")),
    "another source": lambda path: _rewrite(
        path.parent, source="memory://far/x", validator={"source": "memory://far/x"}
    ),
    "two sources": lambda path: _rewrite(path.parent, source="memory://far/x"),
    "weak": lambda path: _rewrite(path.parent, validator={"strong": False}),
    "no validator": lambda path: _rewrite(path.parent, validator={"source": None}),
    "strange etag": lambda path: _rewrite(path.parent, validator={"etag": 5}),
    "a directory": lambda path: (path.unlink(), path.mkdir()),
    "a full directory": lambda path: (path.unlink(), path.mkdir(), (path / "x").touch()),
    "a link to itself": lambda path: (path.rename(path.parent / "note"), path.symlink_to("note")),
    "nowhere": lambda path: (path.unlink(), path.symlink_to("nowhere")),
    "a hard link": lambda path: os.link(path, path.parent / "note"),
    "a fifo": lambda path: (path.unlink(), os.mkfifo(path)),
    "a socket": lambda path: (path.unlink(), _socket(path)),
    "a device": lambda path: (path.unlink(), os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))),
    "somebody's": lambda path: os.chown(path, 12345, 12345),
}
AS_ROOT = {"a device", "somebody's"}


def _null(path):
    os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))


def _socket(path):
    with socket.socket(socket.AF_UNIX) as one:
        here = os.getcwd()
        os.chdir(path.parent)  # the address of a socket is short
        try:
            one.bind(path.name)
        finally:
            os.chdir(here)


@ON_ASYNCIO
@pytest.mark.parametrize("kind", USELESS)
@pytest.mark.parametrize("changed", [False, True])
async def test_a_note_that_is_worth_nothing(far, page, tmp_path, kind, changed):
    """Then the part is worth nothing, and what the note was is never written to."""
    if kind in AS_ROOT and os.geteuid() != 0:
        pytest.skip("only root can make one")
    path = tmp_path / "file.part.json"
    USELESS[kind](path)
    if changed:
        page.cue(Change(SMALL))
    other = tmp_path / "note"
    before = other.read_bytes() if other.exists() else None
    left = {name for name in ("note", "nowhere") if (tmp_path / name).exists()}
    if path.is_dir():
        left.add(path.name)
    await fetch(far, page, tmp_path, offset=0, left=left, body=SMALL if changed else LARGE)
    if before is not None:
        assert other.read_bytes() == before


async def test_another_entity_tag_is_never_spliced(far, page, tmp_path):
    page.change(LARGE[::-1])
    async with client(far) as one:
        result = await one.fetch(page.url, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == LARGE[::-1]
    assert result.resumed_from == 0


NOT_OURS = {
    "a link": lambda path: (path.rename(path.parent / "victim"), path.symlink_to("victim")),
    "a link to nowhere": lambda path: (path.rename(path.parent / "victim"), path.symlink_to("nowhere")),
    "a link to a directory": lambda path: (path.rename(path.parent / "victim"), path.symlink_to(".")),
    "a hard link": lambda path: os.link(path, path.parent / "victim"),
    "a directory": lambda path: (path.rename(path.parent / "victim"), path.mkdir()),
    "a fifo": lambda path: (path.rename(path.parent / "victim"), os.mkfifo(path)),
    "a device": lambda path: (path.rename(path.parent / "victim"), _null(path)),
    "somebody's": lambda path: (os.link(path, path.parent / "x"), path.unlink(), path.write_bytes(b"theirs"),
                                (path.parent / "x").rename(path.parent / "victim"), os.chown(path, 12345, 12345)),
}  # fmt: skip


@ON_ASYNCIO
@pytest.mark.parametrize("kind", NOT_OURS)
@pytest.mark.parametrize("digested", [True, False])
async def test_a_part_that_is_not_ours_is_left_alone(far, page, tmp_path, kind, digested):
    if kind in AS_ROOT and os.geteuid() != 0:
        pytest.skip("only root can make one")
    path = tmp_path / "file.part"
    NOT_OURS[kind](path)
    before, note = os.lstat(path), (tmp_path / "file.part.json").read_bytes()
    await fetch(
        far, page, tmp_path, offset=0, left={"victim", "file.part", "file.part.json"},
        digest=digest_of(LARGE) if digested else None,
    )  # fmt: skip
    after = os.lstat(path)
    assert (before.st_ino, before.st_mode, before.st_size, before.st_mtime_ns) == (
        after.st_ino, after.st_mode, after.st_size, after.st_mtime_ns,
    )  # fmt: skip
    assert (tmp_path / "victim").read_bytes() == LARGE[:HELD]
    assert not (tmp_path / "nowhere").exists()
    assert (tmp_path / "file.part.json").read_bytes() == note


@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["small", "large"])
async def test_a_note_without_its_part(far, tmp_path, body):
    """As a process leaves it that is killed between rename and tidying: it must not vouch for what comes."""
    page = far.publish("/page", body)
    async with client(far, retry=Retry(attempts=1)) as one:
        cut = far.publish("/cut", LARGE, faults=[Cut(HELD)])
        with pytest.raises(Interrupted):
            await one.fetch(cut.url, tmp_path / "file")
    (tmp_path / "file.part").unlink()
    await fetch(far, page, tmp_path, offset=0, body=body)


async def test_junk_without_a_note(far, tmp_path):
    (tmp_path / "file.part").write_bytes(LARGE[::-1])
    page = far.publish("/page", LARGE)
    await fetch(far, page, tmp_path, offset=0)


async def test_a_part_cut_to_nothing_under_its_note(far, page, tmp_path):
    os.truncate(tmp_path / "file.part", 0)
    await fetch(far, page, tmp_path, offset=0)


async def test_the_part_is_removed_under_our_hands(far, tmp_path):
    """Its name is gone, and a file of somebody else's may have it: an error, and no wrong file."""
    from asyncfetch import LocalError

    page = far.publish("/page", LARGE)
    real = far.open

    def replacing(request):
        (tmp_path / "file.part").unlink()
        return real(request)

    far.open = replacing
    async with client(far) as one:
        with pytest.raises(LocalError):
            await one.fetch(page.url, tmp_path / "file")
    assert not (tmp_path / "file").exists()


async def test_the_part_is_replaced_under_our_hands(far, tmp_path):
    from asyncfetch import LocalError

    page = far.publish("/page", LARGE)
    real = far.open

    def replacing(request):
        (tmp_path / "file.part").unlink()
        (tmp_path / "file.part").write_bytes(b"not this")
        return real(request)

    far.open = replacing
    async with client(far) as one:
        with pytest.raises(LocalError):
            await one.fetch(page.url, tmp_path / "file")
    assert not (tmp_path / "file").exists()
    assert (tmp_path / "file.part").read_bytes() == b"not this"


@pytest.mark.descriptors
async def test_without_locks_everybody_has_a_part_of_his_own(far, tmp_path, monkeypatch):
    def unsupported(descriptor):
        raise LockUnsupported

    monkeypatch.setattr("asyncfetch._disk.hold.try_lock", unsupported)
    page = far.publish("/page", LARGE, faults=[Cut(HELD)])
    names = set()
    real = far.open

    def looking(request):
        names.update(path.name for path in tmp_path.iterdir())
        return real(request)

    far.open = looking
    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            one = client(far)

            async def fetch_one(one=one):
                async with one:
                    await one.fetch(page.url, tmp_path / "file")

            tasks.start_soon(fetch_one)
    assert (tmp_path / "file").read_bytes() == LARGE
    assert page.hits == 4
    assert len([name for name in names if name.endswith(".part")]) >= 2
    assert not any(name.endswith(".json") for name in names)
    assert {path.name for path in tmp_path.iterdir()} == {"file"}


async def test_a_private_part_that_fails_leaves_nothing(far, tmp_path, monkeypatch):
    def unsupported(descriptor):
        raise LockUnsupported

    monkeypatch.setattr("asyncfetch._disk.hold.try_lock", unsupported)
    page = far.publish("/page", LARGE, faults=[Cut(HELD)])
    async with client(far, retry=Retry(attempts=1)) as one:
        with pytest.raises(Interrupted):
            await one.fetch(page.url, tmp_path / "file")
    assert list(tmp_path.iterdir()) == []
