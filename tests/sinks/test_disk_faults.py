"""The disk fails at its n-th operation, for every n: an error of the tree, the old file untouched, nothing corrupt."""

import errno
import os

import pytest

from asyncfetch import DigestMismatch, Fetch, LocalError, NoSpace, NotWritable, Result, Retry
from asyncfetch.testing import Corrupt, Cut

from ..client.scene import LARGE, SMALL, client, digest_of, far_end, idle, whole_or_nothing
from ..disk.torture import Torture

pytestmark = [pytest.mark.anyio, pytest.mark.descriptors]

ERRORS = {errno.ENOSPC: NoSpace, errno.EIO: LocalError, errno.EACCES: NotWritable}


SCENES = ["small", "small-digest", "large", "part", "other-part", "durable"]
CASES = [(scene, errno.ENOSPC) for scene in SCENES] + [("small", errno.EACCES), ("part", errno.EIO)]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # the threads do it, whatever the loop
@pytest.mark.parametrize(("scene", "code"), CASES, ids=lambda one: errno.errorcode.get(one, one))
async def test_failing_every_operation_in_turn(tmp_path, scene, code):
    body = SMALL if scene.startswith("small") or scene == "other-part" else LARGE
    digest = digest_of(body) if scene in {"small-digest", "part"} else None
    old = b"old" if scene.startswith("small") else None
    failed = kept = 0

    def fail(name):
        raise OSError(code, os.strerror(code), "somewhere")

    for number in range(1, 300):
        folder = tmp_path / str(number)
        folder.mkdir()
        far = far_end()
        page = far.publish("/page", body)
        if old:
            (folder / "file").write_bytes(old)
        front = await _leave_a_part(folder, far, scene)
        async with client(far, durable=scene == "durable") as one:
            with Torture(number, fail).inflicted() as torture:
                (outcome,) = await one.fetch_all([Fetch(page.url, folder / "file", digest=digest)])
            await idle(one)
        if not isinstance(outcome, Result):
            failed += 1
            assert isinstance(outcome, ERRORS[code]), (torture.struck, outcome)
            assert isinstance(outcome, OSError)
            assert outcome.errno == code
            assert outcome.filename.startswith(str(folder))
            assert str(folder) in str(outcome)
        if torture.struck is None:
            break
        good = _look(folder, body, old, torture, front)
        kept += good > 0
        async with client(far) as one:
            result = await one.fetch(page.url, folder / "file", digest=digest)
        assert (folder / "file").read_bytes() == body
        assert result.resumed_from <= max(good, front)
        private = torture.struck.startswith("open ") and front  # what could not be opened was left alone
        assert private or {path.name for path in folder.iterdir()} <= {"file", "file.part.json"}
    else:
        raise AssertionError("it never came through")
    assert failed > 4
    if scene in {"large", "part", "durable"}:
        assert kept > 2


async def _leave_a_part(folder, far, scene):
    if scene not in {"part", "other-part", "durable"}:
        return 0
    body = LARGE[::-1] if scene == "other-part" else LARGE
    page = far.publish("/page-before", body, faults=[Cut(2_000_000)])
    page.url = far.url("/page")
    far._resources[page.url], kept = page, far._resources[page.url]
    async with client(far, retry=Retry(attempts=1)) as one:
        with pytest.raises(Exception, match="cut after"):
            await one.fetch(page.url, folder / "file")
    far._resources[page.url] = kept
    assert (folder / "file.part").stat().st_size == 2_000_000
    return 2_000_000


def _look(folder, body, old, torture, front):
    """After a failure; when even tidying failed, a part without a note may be left, which is worth nothing."""
    from asyncfetch._disk.note import read_note

    target, part = folder / "file", folder / "file.part"
    if target.exists():
        assert target.read_bytes() in (body, old)
    else:
        assert old is None
    assert {path.name for path in folder.iterdir()} <= {"file", "file.part", "file.part.json"}
    if not part.exists():
        return 0
    held = read_note(f"{part}.json", part.stat().st_size)
    assert part.read_bytes()[: held.length] in (body[: held.length], LARGE[::-1][: held.length])
    return held.length


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])
async def test_the_mirror_is_not_asked_when_the_disk_fails(tmp_path, code):
    far = far_end()
    page, mirror = far.publish("/page", LARGE), far.publish("/mirror", LARGE)

    def fail(name):
        raise OSError(code, os.strerror(code))

    async with client(far) as one:
        with Torture(2, fail, only=("write",)).inflicted(), pytest.raises(LocalError) as raised:
            await one.fetch(page.url, tmp_path / "file", mirrors=[mirror.url])
    assert raised.value.errno == code
    assert len(raised.value.attempts) == 1
    assert mirror.hits == 0


async def test_a_write_that_takes_a_part_only(tmp_path, monkeypatch):
    """write(2) may take less than it was given."""
    real = os.write

    def short(descriptor, data):
        return real(descriptor, memoryview(data)[:70_000])

    far = far_end()
    page = far.publish("/page", LARGE)
    async with client(far) as one:
        monkeypatch.setattr(os, "write", short)
        await one.fetch(page.url, tmp_path / "file", digest=digest_of(LARGE))
        monkeypatch.undo()
    assert (tmp_path / "file").read_bytes() == LARGE


async def test_a_digest_that_fails_while_the_disk_fails(tmp_path):
    """Removing the spoiled part is refused: it must not be resumed all the same."""
    far = far_end()
    page = far.publish("/page", LARGE, faults=[Corrupt(7)])

    def fail(name):
        raise OSError(errno.EIO, "no")

    async with client(far) as one:
        with Torture(1, fail, only=("unlink",)).inflicted(), pytest.raises((DigestMismatch, LocalError)):
            await one.fetch(page.url, tmp_path / "file", digest=digest_of(LARGE))
        await one.fetch(page.url, tmp_path / "file", digest=digest_of(LARGE))
    assert whole_or_nothing(tmp_path, LARGE) == 0
