"""Many processes: killed and resumed, two at one destination, and a holder that stands still."""

import os
import random
import signal
import sys

import pytest

from asyncfetch.testing import HttpServer, Pattern, Stall, Throttle
from asyncfetch.testing.torture._signs import look

from ..client.scene import wait_for_note
from .processes import Nursery, kill

KILLS = int(os.environ.get("ASYNCFETCH_KILLS", "12"))  # 500 show it; each takes a twentieth of a second
SHARED = int(os.environ.get("ASYNCFETCH_SHARED", "200"))

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are made by fork")


@pytest.fixture(scope="module")
def nursery():
    with Nursery() as one:
        yield one


@pytest.mark.timeout(1_200)
def test_killed_and_resumed_again_and_again(tmp_path, nursery):
    """No file is ever corrupt, and hardly a byte is sent twice: counted by the server."""
    random.seed(8)
    body = Pattern(40_000_000, seed=5)
    killed = files = due = 0
    with HttpServer() as server:
        page = server.serve("/page", body, always=[Throttle(400_000_000, 256 * 1024)])
        while killed < KILLS:
            folder = tmp_path / str(files)
            folder.mkdir()
            files += 1
            to, digest = folder / "file", page.digest if files % 2 else None
            while not to.exists():
                before = page.body_bytes_sent
                child = nursery.start([(page.url, str(to), digest)])
                target = before + random.randrange(200_000, len(body))
                if killed < KILLS:
                    reached = lambda: page.body_bytes_sent >= target or to.exists()  # noqa: B023, E731 - used at once
                    try:
                        server.wait_until(reached, 0.5)
                    except TimeoutError:
                        assert to.exists() or page.body_bytes_sent >= before
                    kill(child)
                if nursery.wait(child) is None:
                    killed += 1
                    if not to.exists():
                        look(folder, body.read(), None)
            assert to.read_bytes() == body.read()
            assert set(os.listdir(folder)) <= {"file", "file.part.json"}  # killed between the rename and the tidying
            due += len(body)
            to.unlink()
        again = page.body_bytes_sent - due
    print(f"{killed} kills over {files} files: {again / due:.1%} of the bytes were sent again")
    assert again <= 0.1 * due


@pytest.mark.parametrize("size", [20_000, 1_200_000], ids=["small", "large"])
def test_two_processes_share_their_destinations(tmp_path, nursery, size):
    """One transfer each, whoever makes it."""
    count = SHARED if size < 1_000_000 else SHARED // 10
    with HttpServer() as server:
        pages = [server.serve(f"/{number}", Pattern(size, seed=number % 8)) for number in range(count)]
        wishes = [(page.url, str(tmp_path / str(number)), page.digest) for number, page in enumerate(pages)]
        one, other = nursery.start(wishes), nursery.start(wishes[::-1])
        first, second = nursery.wait(one), nursery.wait(other)[::-1]
        for number, page in enumerate(pages):
            assert (tmp_path / str(number)).read_bytes() == page.data.read()
            assert page.body_bytes_sent == size, (number, page.hits)
            assert sorted([first[number], second[number]]) == [(0, 0), (size, 0)]
    assert len(os.listdir(tmp_path)) == count


@pytest.mark.skipif(sys.platform == "win32", reason="nothing stands still there")
@pytest.mark.skipif(not os.environ.get("ASYNCFETCH_KILLS"), reason="it takes five seconds; ASYNCFETCH_KILLS runs it")
def test_a_holder_that_stands_still_is_not_waited_for(tmp_path, nursery):
    body = Pattern(4_000_000, seed=6)
    to = tmp_path / "file"
    with HttpServer() as server:
        page = server.serve("/page", body, faults=[Stall(3_000_000)])
        holder = nursery.start([(page.url, str(to), None)])
        wait_for_note(tmp_path / "file.part", at_least=1_000_000)
        kill(holder, signal.SIGSTOP)
        try:
            assert nursery.wait(nursery.start([(page.url, str(to), None)])) == [(len(body), 0)]
            assert to.read_bytes() == body.read()
        finally:
            kill(holder)
        assert nursery.wait(holder) is None
        # what it left is of use to the next one
        to.unlink()
        ((transferred, resumed),) = nursery.wait(nursery.start([(page.url, str(to), None)]))
        assert resumed > 0
        assert transferred == len(body) - resumed
    assert os.listdir(tmp_path) == ["file"]
