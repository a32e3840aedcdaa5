"""Killed at any moment: run again, it goes on from what is good, and is right."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from asyncfetch._disk.note import read_note
from asyncfetch.testing import HttpServer, Pattern, Stall, Throttle

from .killing import OTHER, SCENES, fetch
from .scene import LARGE, wait_for_note, whole_or_nothing

ROOT = Path(__file__).parents[2]
BODY = Pattern(20_000_000, seed=5)


def start(*arguments):
    return subprocess.Popen([sys.executable, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True)


@pytest.mark.anyio
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs fork and SIGKILL")
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("scene", SCENES)
async def test_killed_at_every_operation_on_the_disk(tmp_path, scene):
    with start("-m", "tests.client.killing", str(tmp_path), scene) as process:
        lines = process.stdout.read().split("\n")[:-1]
    assert process.returncode == 0
    outcomes = [tuple(map(int, line.split())) for line in lines]
    assert [status for _, status in outcomes] == [-signal.SIGKILL] * (len(outcomes) - 1) + [0]
    assert len(outcomes) > 8, "too few operations to be true"
    body, _, there = SCENES[scene]
    offsets = set()
    for number, _ in outcomes:
        folder = tmp_path / str(number)
        held = _look(folder, scene)
        result, page = await fetch(scene, folder)
        assert (folder / "file").read_bytes() == body
        if page.hits:
            assert page.requests[0].offset in {held, len(body) - 1}
            offsets.add(page.requests[0].offset)
            resumed = page.requests[0].offset if there != "other part" else 0
            assert result.resumed_from == resumed
            assert result.transferred == len(body) - resumed
        names = {path.name for path in folder.iterdir()}
        assert names <= {"file", "file.part.json"}, names
    if body is LARGE and scene != "durable":  # what is not synced yet is not vouched for
        assert len(offsets) > 2, f"resumed from {offsets}"


def _look(folder, scene):
    """What a process that was killed may leave: a part without its note too, which is worth nothing."""
    body, _, there = SCENES[scene]
    target = folder / "file"
    if target.exists():
        assert target.read_bytes() in ((body, b"old") if there == "old" else (body,))
    else:
        assert there != "old"
    part = folder / "file.part"
    if not part.exists():
        return 0
    held = read_note(str(part) + ".json", part.stat().st_size)
    front = part.read_bytes()[: held.length]
    assert front in (body[: held.length], OTHER[: held.length] if there == "other part" else None)
    return held.length


CHILD = """
import sys, anyio, asyncfetch
async def main():
    url, to, digest = sys.argv[1:]
    async with asyncfetch.Client() as client:
        result = await client.fetch(url, to, digest=digest or None)
        print(result.resumed_from, result.transferred, flush=True)
anyio.run(main)
"""


@pytest.mark.parametrize("digested", [True, False])
def test_a_process_killed_while_bytes_arrive(tmp_path, digested):
    """A real process and a real server, whose count of bytes is the proof; killed three times on the way."""
    with HttpServer() as server:
        stops = (3_000_000, 8_000_000, 15_000_000)
        page = server.serve("/page", BODY)
        done = 0
        for stop in stops:
            page.cue(Stall(stop - done))
            child = start("-c", CHILD, page.url, str(tmp_path / "file"), page.digest if digested else "")
            good = wait_for_note(tmp_path / "file.part", at_least=done + 1_000_000)
            child.kill()
            child.communicate()
            assert child.returncode == -signal.SIGKILL
            assert done < good <= stop
            done = whole_or_nothing(tmp_path, BODY.read())
            assert done >= good
        with start("-c", CHILD, page.url, str(tmp_path / "file"), page.digest if digested else "") as child:
            resumed, transferred = map(int, child.stdout.read().split())
    assert (tmp_path / "file").read_bytes() == BODY.read()
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (resumed, transferred) == (done, len(BODY) - done)
    starts = [int((request.range or "bytes=0-")[6:].split("-")[0]) for request in page.requests]
    assert starts == sorted(set(starts))
    assert len(starts) == 4
    assert all(request.header("if-range") == page.etag for request in page.requests[1:])


EAGER = "import pytest\nfrom tests.client.eager import Eager, use\nuse(pytest.MonkeyPatch(), Eager)\n"


def test_a_process_killed_while_several_connections_bring_bytes(tmp_path):
    """What each of them brought is gone on with: nothing of it comes again."""
    part, held, islands = tmp_path / "file.part", 0, 0
    with HttpServer() as server:
        page = server.serve("/page", BODY, always=[Throttle(4_000_000)])
        arguments = (page.url, str(tmp_path / "file"), page.digest)
        for _ in range(2):
            with start("-c", EAGER + CHILD, *arguments) as child:
                for _ in range(4_000):
                    note = read_note(f"{part}.json", part.stat().st_size) if part.exists() else None
                    if note is not None and note.islands and note.total >= held + 2_000_000:
                        break
                    time.sleep(0.005)
                child.kill()
            whole_or_nothing(tmp_path, BODY.read())
            note = read_note(f"{part}.json", part.stat().st_size)
            islands += len(note.islands)
            assert note.total >= held + 2_000_000
            held = note.total
        page.always = ()
        with start("-c", EAGER + CHILD, *arguments) as child:
            resumed, transferred = map(int, child.stdout.read().split())
    assert (tmp_path / "file").read_bytes() == BODY.read()
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (resumed, transferred) == (note.length, len(BODY) - held)
    assert islands


def test_the_body_changed_meanwhile(tmp_path):
    with HttpServer() as server:
        page = server.serve("/page", BODY, faults=[Stall(8_000_000)])
        child = start("-c", CHILD, page.url, str(tmp_path / "file"), "")
        wait_for_note(tmp_path / "file.part", at_least=5_000_000)
        child.kill()
        child.communicate()
        other = Pattern(20_000_000, seed=6)
        page.change(other)
        with start("-c", CHILD, page.url, str(tmp_path / "file"), "") as child:
            resumed, transferred = map(int, child.stdout.read().split())
    assert (resumed, transferred) == (0, len(other))
    assert (tmp_path / "file").read_bytes() == other.read()
