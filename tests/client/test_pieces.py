"""One large file over several connections: the bytes are right, each comes once, and whatever fails is made good."""

import contextlib
import errno
import itertools
import os
import threading

import anyio
import pytest

from asyncfetch import (
    Advanced,
    ConnectFailed,
    Fetch,
    Finished,
    Interrupted,
    Limits,
    LocalError,
    ProtocolViolation,
    Started,
)
from asyncfetch._disk.note import read_note
from asyncfetch._pieces import Pieces
from asyncfetch.testing import (
    Change,
    Cut,
    Hold,
    HttpServer,
    IgnoreRange,
    MemoryTransport,
    Pattern,
    Raise,
    RefuseRange,
    Reset,
    Stall,
)
from asyncfetch.testing.torture._steps import cancelled_at

from .eager import BODY, Trying, spans_of, use
from .scene import client, digest_of, far_end, idle, until, whole_or_nothing

pytestmark = [pytest.mark.anyio, pytest.mark.descriptors]
FIRST = 600_000  # bytes that the first connection brings before it stalls


class Stalling:
    """A body whose first connection stalls until the test lets it go on, or until ``pieces`` others were asked for."""

    def __init__(self, far, *, body=BODY, faults=(), always=(), **more):
        self.go = threading.Event()
        self.far = far
        self.page = far.publish("/page", body, faults=[Stall(FIRST, self.go), *faults], always=always, **more)
        self.url = self.page.url

    async def after(self, pieces):
        await until(lambda: self.page.hits > pieces)
        self.go.set()


async def fetched(one, wish, stalling, *, pieces=1):
    """Fetch, and let the first connection go on once so many pieces were asked for."""
    result = []

    async def run():
        result.append(await one.fetch(wish))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run)
        await stalling.after(pieces)
    return result[0]


@pytest.mark.parametrize("digested", [False, True])
async def test_each_byte_comes_once_over_several_connections(tmp_path, eager, digested):
    far, seen = far_end(), []
    page = Stalling(far)
    wish = Fetch(page.url, tmp_path / "file", digest=digest_of(BODY) if digested else None)
    async with client(far, observer=seen.append) as one:
        result = await fetched(one, wish, page, pieces=12)
        await idle(one)
    assert (tmp_path / "file").read_bytes() == BODY
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (result.size, result.transferred, result.attempts, result.resumed_from) == (len(BODY), len(BODY), 1, 0)
    assert result.validator.strong
    spans = sorted(spans_of(page.page))
    assert len(spans) >= 12
    assert all(stop <= start for (_, stop), (start, _) in itertools.pairwise(spans)), "a byte was asked for twice"
    assert spans[-1][1] == len(BODY)
    assert {request.matching for request in page.page.requests[1:]} == {result.validator}
    assert isinstance(seen[0], Started)
    assert isinstance(seen[-1], Finished)
    done = [event.done for event in seen if isinstance(event, Advanced)]
    assert done == sorted(done)
    assert all(FIRST <= count <= len(BODY) for count in done if count)
    assert {type(event) for event in seen[1:-1]} == {Advanced}


@pytest.mark.parametrize("digested", [False, True])
async def test_over_http(tmp_path, eager, digested, embedded):
    digest = digest_of(BODY) if digested else None
    async with client() as one:
        result = await one.fetch(embedded.url, tmp_path / "file", digest=digest)
        await idle(one)
    assert (tmp_path / "file").read_bytes() == BODY
    assert result.transferred == len(BODY)
    assert embedded.connections() > 1


class _Http:
    """The first connection stalls until four pieces were asked for."""

    def __init__(self, server):
        self.go = threading.Event()
        self.resource = server.serve("/page", BODY, faults=[Stall(FIRST, self.go)])
        self.url = self.resource.url
        self._timer = threading.Thread(target=self._let_go)
        self._timer.start()

    def _let_go(self):
        for _ in range(10_000):
            if self.resource.hits > 4:
                break
            self.go.wait(0.001)
        self.go.set()

    def connections(self):
        self._timer.join()
        return self.resource.hits


@pytest.fixture
def embedded(tmp_path_factory):
    with HttpServer() as server:
        yield _Http(server)


async def test_one_connection_when_so_set_or_nothing_would_prove_a_piece(tmp_path, eager):
    far = far_end()
    mirror = far.publish("/mirror", BODY)
    for name, limits, etag, mirrors in [
        ("set", Limits(connections_per_file=1), '"strong"', []),
        ("weak", Limits(), 'W/"weak"', [mirror.url]),
        ("none", Limits(), None, [mirror.url]),
        ("host", Limits(per_host=1), '"strong"', []),
        ("total", Limits(total=1), '"strong"', [mirror.url]),
    ]:
        page = far.publish("/page", BODY, etag=etag, faults=[Stall(FIRST, go := threading.Event())])
        async with client(far, limits=limits) as one, anyio.create_task_group() as tasks:
            tasks.start_soon(one.fetch, Fetch(page.url, tmp_path / name, mirrors=mirrors))
            await until(lambda page=page: page.body_bytes_sent == FIRST)
            await anyio.sleep(0.02)  # ten looks of the pulse
            go.set()
        assert (tmp_path / name).read_bytes() == BODY
        assert page.hits == 1, name
    assert mirror.hits == 0


async def test_a_piece_needs_no_validator_where_a_digest_proves_the_whole(tmp_path, eager):
    far = far_end()
    page = Stalling(far, etag='W/"weak"')
    async with client(far) as one:
        await fetched(one, Fetch(page.url, tmp_path / "file", digest=digest_of(BODY)), page, pieces=5)
    assert (tmp_path / "file").read_bytes() == BODY
    assert page.page.hits > 5


async def test_a_source_without_ranges_goes_on_over_one_connection(tmp_path, trying):
    far = far_end()
    page = Stalling(far, always=[IgnoreRange()])
    async with client(far) as one:
        result = await fetched(one, Fetch(page.url, tmp_path / "file"), page)
        await idle(one)
    assert (tmp_path / "file").read_bytes() == BODY
    assert page.page.hits == 2, "once refused, it is not asked again"
    assert (result.attempts, result.transferred) == (1, len(BODY))


@pytest.mark.parametrize("fault", [Cut(20_000), Reset(1), Cut(0)], ids=repr)
async def test_a_piece_that_fails_is_brought_by_another(tmp_path, eager, fault):
    far = far_end()
    page = Stalling(far, faults=[None, fault, None, fault])
    async with client(far) as one:
        result = await fetched(one, Fetch(page.url, tmp_path / "file", digest="sha256"), page, pieces=8)
        await idle(one)
    assert (tmp_path / "file").read_bytes() == BODY
    assert str(result.digest) == digest_of(BODY)
    assert result.attempts == 1
    assert result.transferred == len(BODY), "what a piece brought before it failed is kept"


async def test_the_first_connection_may_fail(tmp_path, eager):
    far, go = far_end(), threading.Event()
    page = far.publish("/page", BODY, faults=[(Stall(FIRST, go), Cut(FIRST + 1))])
    async with client(far) as one:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(one.fetch, Fetch(page.url, tmp_path / "file"))
            await until(lambda: page.hits > 2)
            go.set()
        await idle(one)
    assert (tmp_path / "file").read_bytes() == BODY
    assert page.body_bytes_sent == len(BODY)


async def test_when_all_fail_what_is_here_is_resumed(tmp_path, eager):
    far, go = far_end(), threading.Event()
    page = far.publish("/page", BODY, faults=[(Stall(FIRST, go), Cut(FIRST + 1)), *[Cut(60_000)] * 4, *[Cut(0)] * 6])
    async with client(far) as one:
        results = []

        async def run():
            results.append(await one.fetch(page.url, tmp_path / "file", digest=digest_of(BODY)))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run)
            await until(lambda: page.hits > 4)
            go.set()
        await idle(one)
    assert (tmp_path / "file").read_bytes() == BODY
    assert page.body_bytes_sent == results[0].transferred == len(BODY)


@pytest.mark.parametrize("digested", [False, True])
@pytest.mark.parametrize("cut", [False, True])
async def test_a_body_that_changes_meanwhile_is_never_spliced(tmp_path, eager, digested, cut):
    far, go = far_end(), threading.Event()
    new = Pattern(len(BODY), seed=77).read()
    first = (Stall(FIRST, go), Cut(FIRST + 1)) if cut else Stall(FIRST, go)
    page = far.publish("/page", BODY, faults=[first, None, None, Change(new)])
    async with client(far) as one:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(one.fetch, Fetch(page.url, tmp_path / "file", digest="sha256" if digested else None))
            await until(lambda: page.hits > 4)
            go.set()
        await idle(one)
    # the first connection may still bring the old one to its end; once it is cut, only the new one is to be had
    assert (tmp_path / "file").read_bytes() in ((new,) if cut else (BODY, new))


async def test_mirrors_bring_pieces_under_a_digest(tmp_path, monkeypatch):
    class OnMirrors(Trying):
        """The first source's second connection is in vain, the mirror's is not."""

        def look(self, now, received, lanes, left, *, fresh=False):
            if lanes > 1 and fresh:
                self._before, self.wanted = None, 1
                return 1
            return super().look(now, received, lanes, left, fresh=fresh)

    use(monkeypatch, OnMirrors)
    far = far_end()
    page = Stalling(far)
    mirror = far.publish("/mirror", BODY, etag='"another"')
    async with client(far) as one, anyio.create_task_group() as tasks:
        wish = Fetch(page.url, tmp_path / "file", digest=digest_of(BODY), mirrors=[mirror.url])
        tasks.start_soon(one.fetch, wish)
        await until(lambda: mirror.hits > 1)
        page.go.set()
    assert (tmp_path / "file").read_bytes() == BODY
    assert {request.matching for request in mirror.requests} == {None}, "its tag is another one's"


async def test_a_mirror_with_another_size_is_left_alone_and_one_with_other_bytes_found_out(tmp_path, eager):
    far = far_end()
    for name, other, hits in [("size", BODY + b"x", 1), ("bytes", Pattern(len(BODY), seed=9).read(), 2)]:
        go = threading.Event()
        page = far.publish(f"/{name}", BODY, faults=[Stall(FIRST, go), *[Raise(ConnectFailed("on cue"))] * 3])
        mirror = far.publish(f"/mirror-{name}", other)
        async with client(far) as one:
            results = []

            async def run(page=page, mirror=mirror, one=one, results=results, name=name):
                wish = Fetch(page.url, tmp_path / name, digest=digest_of(BODY), mirrors=[mirror.url])
                results.append(await one.fetch(wish))

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(run)
                await until(lambda mirror=mirror, hits=hits: mirror.hits >= hits)
                go.set()
            await idle(one)
        assert (tmp_path / name).read_bytes() == BODY
        if name == "bytes":  # dropped, and once more from byte 0 over one connection
            assert results[0].attempts == 2
            assert (page.requests[-1].offset, page.requests[-1].end) == (0, None)


async def test_a_place_that_another_fetch_waits_for_is_given_up(tmp_path, eager):
    far, hold = far_end(), threading.Event()
    page = Stalling(far, faults=[Stall(0, hold)] * 20)
    small = [far.publish(f"/{number}", b"small") for number in range(3)]
    async with client(far, limits=Limits(per_host=4, connections_per_file=4)) as one:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(one.fetch, Fetch(page.url, tmp_path / "file"))
            await until(lambda: page.page.hits == 4)  # every place is taken
            for number, other in enumerate(small):
                await one.fetch(other.url, tmp_path / str(number))
            hold.set()
            page.go.set()
        await idle(one)
    assert (tmp_path / "file").read_bytes() == BODY


async def test_a_full_disk_ends_all_connections(tmp_path, eager, monkeypatch):
    far = far_end()
    page = Stalling(far)
    real = os.pwrite

    def pwrite(descriptor, data, at):
        if at > 1_000_000:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(descriptor, data, at)

    monkeypatch.setattr("os.pwrite", pwrite)
    async with client(far) as one:
        with pytest.raises(BaseExceptionGroup) as caught:
            await fetched(one, Fetch(page.url, tmp_path / "file"), page, pieces=1)
        await idle(one)
    (error,) = caught.value.exceptions
    assert isinstance(error, LocalError)
    assert error.errno == errno.ENOSPC
    assert far.open_bodies == 0


@pytest.mark.parametrize("most", [1, 4])
async def test_pieces_are_resumed_by_a_later_client(tmp_path, eager, most):
    far = far_end()
    page = Stalling(far, faults=[None] * 3 + [Stall(20_000)] * 10)
    async with client(far, limits=Limits(connections_per_file=4)) as one:
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(one.fetch, Fetch(page.url, tmp_path / "file"))
                await until(lambda: page.page.hits >= 7)
                await until(lambda: _islands(tmp_path))
                scope.cancel()
    good, sent = whole_or_nothing(tmp_path, BODY), page.page.body_bytes_sent
    held = read_note(str(tmp_path / "file.part.json"), os.path.getsize(tmp_path / "file.part"))
    assert held.islands
    assert held.total <= sent
    page.page._cues.clear()
    async with client(far, limits=Limits(connections_per_file=most)) as one:
        result = await one.fetch(page.url, tmp_path / "file", digest=digest_of(BODY))
    assert (tmp_path / "file").read_bytes() == BODY
    assert result.resumed_from == good
    assert result.transferred == len(BODY) - held.total, "what is here does not come again"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def _islands(folder):
    part = folder / "file.part"
    return part.exists() and read_note(f"{part}.json", part.stat().st_size).islands


async def test_cancelling_at_every_step(tmp_path, eager):
    far = far_end()
    resumed = set()
    for number in itertools.count(1):
        folder = tmp_path / str(number)
        folder.mkdir()
        page = Stalling(far, faults=[None, Cut(10_000)])
        async with client(far) as one:
            wish = Fetch(page.url, folder / "file", digest=digest_of(BODY))
            ended = await cancelled_at(number * 3, lambda: fetched(one, wish, page, pieces=3))  # noqa: B023 - awaited here
            await idle(one)
            whole_or_nothing(folder, BODY)
            page.page._cues.clear()
            page.go.set()
            result = await one.fetch(wish)
            resumed.add(len(BODY) - result.transferred)
            assert (folder / "file").read_bytes() == BODY
            await idle(one)
        assert far.open_bodies == 0
        if ended:
            break
    assert len(resumed) > 3


async def test_on_trial_the_end_of_the_file_comes_and_nothing_is_lost_in_vain(tmp_path, trying):
    far = far_end()
    page = Stalling(far)
    async with client(far) as one:
        result = await fetched(one, Fetch(page.url, tmp_path / "file", digest=digest_of(BODY)), page, pieces=1)
    spans = spans_of(page.page)
    assert spans[0][1] == len(BODY)
    assert result.transferred == len(BODY)


async def test_a_held_answer_of_a_host_leaves_the_others_alone(tmp_path, eager):
    far, hold = far_end(), threading.Event()
    page = Stalling(far, faults=[Hold(hold)] * 3)
    async with client(far) as one, anyio.create_task_group() as tasks:
        tasks.start_soon(one.fetch, Fetch(page.url, tmp_path / "file"))
        await until(lambda: page.page.hits == 4)
        page.go.set()  # the first one brings what it may, then waits for the rest
        hold.set()
    assert (tmp_path / "file").read_bytes() == BODY


# --- what the end of a body says, and who is left when all others are gone


@pytest.mark.parametrize("kind", [Interrupted, ProtocolViolation])
async def test_what_is_said_at_the_end_of_the_body_counts(tmp_path, monkeypatch, kind):
    monkeypatch.setattr("asyncfetch._policy.split.LEAST", 1_000_000)
    far = far_end()
    page = far.publish("/page", BODY, faults=[Raise(kind("on cue"), at=len(BODY))])
    async with client(far) as one:
        if kind is Interrupted:
            result = await one.fetch(page.url, tmp_path / "file")
            assert result.attempts == 2
        else:
            with pytest.raises(ProtocolViolation):
                await one.fetch(page.url, tmp_path / "file")
            assert os.listdir(tmp_path) == []
        await idle(one)


async def test_the_last_connection_may_have_to_make_room_too(tmp_path, eager):
    far, hold = far_end(), threading.Event()
    page = Stalling(far, faults=[Stall(1, hold)])
    small = far.publish("/small", b"small")
    async with client(far, limits=Limits(per_host=2, connections_per_file=2)) as one:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(one.fetch, Fetch(page.url, tmp_path / "file"))
            await until(lambda: page.page.hits == 2)
            page.go.set()
            # the first connection brings all but the piece that stalls, and ends
            await until(lambda: len(_lanes_of(one)) == 1)
            await one.fetch(small.url, tmp_path / "small")
        await idle(one)
    assert (tmp_path / "file").read_bytes() == BODY
    assert not hold.is_set()


def _lanes_of(one):
    (pieces,) = [watched for watched in one._pulse._watched if isinstance(watched, Pieces)]
    return pieces._crew.lanes


async def test_a_trial_that_never_brought_anything_is_not_waited_for(tmp_path, monkeypatch):
    class Once(Trying):
        """One connection on trial, given up once it has asked."""

        def look(self, now, received, lanes, left, *, fresh=False):
            if page.page.hits > 1:
                self._before, self.wanted = None, 1
                return 1
            return super().look(now, received, lanes, left, fresh=fresh)

    use(monkeypatch, Once)
    far, never = far_end(), threading.Event()
    page = Stalling(far, faults=[Hold(never)])
    async with client(far) as one:
        result = await fetched(one, Fetch(page.url, tmp_path / "file"), page)
        await idle(one)
    assert (tmp_path / "file").read_bytes() == BODY
    assert page.page.hits in {2, 3}  # the third where the first connection has come to where the other was to begin
    assert (result.attempts, result.transferred) == (1, len(BODY))


async def test_a_mirror_that_cannot_be_asked_harms_nobody(tmp_path, eager):
    far = far_end()
    page = Stalling(far, faults=[RefuseRange()])
    async with client(far) as one:
        wish = Fetch(page.url, tmp_path / "file", digest=digest_of(BODY), mirrors=["gopher://far/page"])
        result = await fetched(one, wish, page)
        await idle(one)
    assert (tmp_path / "file").read_bytes() == BODY
    assert (result.attempts, str(result.source)) == (1, page.url)


async def test_there_are_never_more_connections_than_allowed(tmp_path, monkeypatch):
    """Nor for the moment in which one that is to end still brings its last piece."""

    looks = []

    class Fickle(Trying):
        """Once all bring something, it wants one, then all again, and so on."""

        def look(self, now, received, lanes, left, *, fresh=False):
            if looks or lanes == self._most:
                looks.append(lanes)
            self._before, self.wanted = None, self._most if len(looks) % 4 < 2 or not lanes else 1
            return self.wanted

    class Counting(MemoryTransport):
        most = 0

        @contextlib.asynccontextmanager
        async def open(self, request):
            async with super().open(request) as body:
                self.most = max(self.most, self.open_bodies)
                yield body

    use(monkeypatch, Fickle)
    far, slow = Counting(), threading.Event()
    page = Stalling(far, faults=[Stall(1, slow)] * 3)
    async with client(far, limits=Limits(connections_per_file=3)) as one:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(one.fetch, Fetch(page.url, tmp_path / "file"))
            await until(lambda: len(looks) >= 12)
            page.go.set()
            slow.set()
        await idle(one)
    assert (tmp_path / "file").read_bytes() == BODY
    assert far.most == 3
