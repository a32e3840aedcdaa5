"""Many processes: killed and resumed, two at one destination, and a holder that stands still."""

import os
import random
import signal
import sys
import time
from dataclasses import replace

import pytest

from asyncfetch import S3, Settings
from asyncfetch.testing import FtpServer, HttpServer, Pattern, Stall, Throttle
from asyncfetch.testing.torture._signs import look

from ..client.scene import wait_for_note
from .processes import Nursery, kill

KILLS = int(os.environ.get("ASYNCFETCH_KILLS", "3"))  # 500 show it; each takes a quarter of a second
SHARED = int(os.environ.get("ASYNCFETCH_SHARED", "200"))
BODY = Pattern(40_000_000, seed=5)

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are made by fork")


@pytest.fixture(scope="module")
def nursery():
    with Nursery() as one:
        yield one


class FarHttp:
    """A body of 40 MB over http, and what was sent of it."""

    limit = Throttle(100_000_000, 256 * 1024)  # slow enough that what was sent was received, on a busy machine too

    def __enter__(self):
        self._server = HttpServer().__enter__()
        self._page = self._server.serve("/bucket/page", BODY, always=[self.limit])
        self.url, self.settings = self.url_of(self._server), self.settings_of(self._server)
        return self

    def __exit__(self, *exc_info):
        self._server.__exit__(*exc_info)

    def url_of(self, server):
        return server.url("/bucket/page")

    def settings_of(self, server):
        return Settings(trust_env=False)

    @property
    def sent(self):
        return self._page.body_bytes_sent


class FarS3(FarHttp):
    """The same as an object of S3."""

    def url_of(self, server):
        return "s3://bucket/page"

    def settings_of(self, server):
        return Settings(trust_env=False, s3=S3(endpoint_url=server.url(""), region="us-east-1", anonymous=True))


class FarFtp:
    """The same over FTP."""

    def __enter__(self):
        self._server = FtpServer().__enter__()
        self._file = self._server.serve("page", BODY.read(), faults=[FarHttp.limit] * 10_000)
        self.url, self.settings = self._file.url, replace(self._server.settings, trust_env=False)
        return self

    def __exit__(self, *exc_info):
        self._server.__exit__(*exc_info)

    @property
    def sent(self):
        return self._file.sent


def wait_until(true, seconds):
    """Wait for what another thread counts; not for ever."""
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.001)


@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("far", [FarHttp, FarS3, FarFtp])
def test_killed_and_resumed_again_and_again(tmp_path, nursery, far):
    """No file is ever corrupt, and hardly a byte is sent twice: counted by the server."""
    random.seed(8)
    killed = files = due = 0
    with far() as far:
        while killed < KILLS:
            folder = tmp_path / str(files)
            folder.mkdir()
            files += 1
            to, digest = folder / "file", f"sha256:{BODY.sha256}" if files % 2 else None
            while not to.exists():
                before = far.sent
                child = nursery.start([(far.url, str(to), digest)], far.settings)
                target = before + random.randrange(200_000, len(BODY))
                if killed < KILLS:
                    wait_until(lambda: far.sent >= target or to.exists(), 2.0)  # noqa: B023 - used at once
                    kill(child)
                if nursery.wait(child) is None:
                    killed += 1
                    if not to.exists():
                        look(folder, BODY.read(), None)
            assert to.read_bytes() == BODY.read()
            assert set(os.listdir(folder)) <= {"file", "file.part.json"}  # killed between the rename and the tidying
            due += len(BODY)
            to.unlink()
        again = far.sent - due
    print(f"{killed} kills over {files} files: {again / due:.1%} of the bytes were sent again")
    assert again <= (0.1 if KILLS > 50 else 0.25) * due  # a few kills may all have met one file


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
