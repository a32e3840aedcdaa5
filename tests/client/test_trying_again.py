"""Retries, mirrors and waiting: what is asked next, when, and what that leaves at the destination."""

import anyio
import pytest

from asyncfetch import (
    AccessDenied,
    Busy,
    DigestMismatch,
    Failed,
    Fetch,
    Finished,
    Interrupted,
    Limits,
    NotFound,
    Offline,
    Retry,
    Retrying,
    SizeMismatch,
    Stalled,
    Started,
    TimedOut,
    Timeouts,
    Validator,
)
from asyncfetch.testing import (
    Change,
    Chunked,
    Corrupt,
    Cut,
    HttpServer,
    IgnoreRange,
    Pattern,
    Raise,
    RefuseRange,
    Relabel,
    Stall,
    Status,
    WrongRange,
)

from .scene import LARGE, MIDDLE, SMALL, client, digest_of, far_end, idle, whole_or_nothing

pytestmark = pytest.mark.anyio
OTHER = Pattern(300_000, seed=9).read()


@pytest.fixture
def slept(monkeypatch):
    """Every pause of a transfer, in seconds, none of it slept; the clock of the client goes on by it."""
    pauses = []
    real_sleep, offset = anyio.sleep, [0.0]

    async def sleep(seconds):
        if seconds == 0.1:  # the pulse's own
            await real_sleep(0.001)
            return
        pauses.append(seconds)
        offset[0] += seconds
        await real_sleep(0)

    import time

    real_clock = time.perf_counter
    monkeypatch.setattr("asyncfetch._client.time.perf_counter", lambda: real_clock() + offset[0])
    monkeypatch.setattr("asyncfetch._transfer.anyio.sleep", sleep)
    return pauses


# --- digests and sizes


async def test_a_wrong_digest_is_answered_by_the_mirror(tmp_path):
    far = far_end()
    bad, good = far.publish("/bad", OTHER), far.publish("/good", MIDDLE)
    async with client(far) as one:
        result = await one.fetch(bad.url, tmp_path / "file", digest=digest_of(MIDDLE), mirrors=[good.url])
    assert result.source == good.url
    assert result.attempts == 2
    assert (bad.hits, good.hits) == (1, 1), "nothing was resumed, so the first source is not asked twice"
    assert good.requests[0].offset == 0
    assert (tmp_path / "file").read_bytes() == MIDDLE


async def test_a_wrong_digest_everywhere_leaves_the_old_file(tmp_path):
    far = far_end()
    (tmp_path / "file").write_bytes(b"old")
    pages = [far.publish(f"/{number}", OTHER) for number in range(2)]
    async with client(far) as one:
        with pytest.raises(DigestMismatch) as raised:
            await one.fetch(pages[0].url, tmp_path / "file", digest=digest_of(MIDDLE), mirrors=[pages[1].url])
        await idle(one)
    assert len(raised.value.attempts) == 2
    assert raised.value.fetch.url == pages[0].url
    whole_or_nothing(tmp_path, MIDDLE, old=b"old")
    assert not (tmp_path / "file.part").exists()


@pytest.mark.parametrize("body", [MIDDLE, LARGE], ids=["middle", "large"])
async def test_a_wrong_digest_after_a_resume_asks_the_same_source_from_byte_0(tmp_path, body):
    """The front was corrupt, not the source: RFC 9110 proves nothing about what we hold."""
    far = far_end()
    page = far.publish("/page", body, faults=[(Corrupt(5), Cut(len(body) // 2))])
    mirror = far.publish("/mirror", body)
    async with client(far, retry=Retry(attempts=2, backoff=0)) as one:
        result = await one.fetch(page.url, tmp_path / "file", digest=digest_of(body), mirrors=[])
    assert [request.offset for request in page.requests] == [0, len(body) // 2, 0]
    assert result.resumed_from == 0
    assert mirror.hits == 0
    assert (tmp_path / "file").read_bytes() == body


async def test_that_is_done_once(tmp_path):
    far = far_end()
    cut = (Corrupt(5), Cut(100_000))
    page = far.publish("/page", MIDDLE, faults=[cut, None, cut, None, cut, None, cut, None])
    async with client(far) as one:
        with pytest.raises(DigestMismatch):
            await one.fetch(page.url, tmp_path / "file", digest=digest_of(MIDDLE))
    assert [request.offset for request in page.requests] == [0, 100_000, 0, 100_000]
    whole_or_nothing(tmp_path, MIDDLE)


async def test_the_part_of_an_earlier_process_is_not_trusted_over_the_digest(tmp_path):
    far = far_end()
    page = far.publish(
        "/page",
        MIDDLE,
        faults=[
            (
                Corrupt(5),
                Cut(100_000),
            ),
            Raise(NotFound("gone")),
        ],
    )
    async with client(far, retry=Retry(attempts=2, backoff=0)) as one:
        with pytest.raises(NotFound):
            await one.fetch(page.url, tmp_path / "file", digest=digest_of(MIDDLE))
        result = await one.fetch(page.url, tmp_path / "file", digest=digest_of(MIDDLE))
    assert [request.offset for request in page.requests] == [0, 100_000, 100_000, 0]
    assert result.size == len(MIDDLE)
    assert (tmp_path / "file").read_bytes() == MIDDLE


async def test_a_mirror_goes_on_where_the_first_source_was_cut(tmp_path):
    far = far_end()
    page = far.publish("/page", MIDDLE, faults=[(Cut(100_000))], etag='"one"')
    mirror = far.publish("/mirror", MIDDLE, etag='"two"')
    async with client(far) as one:
        result = await one.fetch(page.url, tmp_path / "file", digest=digest_of(MIDDLE), mirrors=[mirror.url])
    assert mirror.requests[0].offset == 100_000
    assert (page.hits, result.transferred) == (1, len(MIDDLE))


async def test_without_a_digest_a_mirror_starts_over(tmp_path):
    far = far_end()
    page = far.publish("/page", MIDDLE, faults=[Cut(100_000)])
    mirror = far.publish("/mirror", MIDDLE)
    async with client(far) as one:
        await one.fetch(page.url, tmp_path / "file", mirrors=[mirror.url])
    assert mirror.requests[0].offset == 0
    assert (tmp_path / "file").read_bytes() == MIDDLE


async def test_what_one_source_gave_outlives_a_refusal_by_another(tmp_path):
    """A mirror that has another size says nothing about the bytes we hold."""
    far = far_end()
    page = far.publish("/page", LARGE, faults=[Cut(3_000_000)])
    mirror = far.publish("/mirror", SMALL)
    async with client(far) as one:
        await one.fetch(page.url, tmp_path / "file", size=len(LARGE), digest=digest_of(LARGE), mirrors=[mirror.url])
    assert [request.offset for request in page.requests] == [0, 3_000_000]


@pytest.mark.parametrize("size", [len(MIDDLE) - 1, len(MIDDLE) + 1])
async def test_a_size_that_does_not_hold(tmp_path, size):
    far = far_end()
    page = far.publish("/page", MIDDLE)
    async with client(far) as one:
        with pytest.raises(SizeMismatch):
            await one.fetch(page.url, tmp_path / "file", size=size)
    assert page.body_bytes_sent == 0, "the announced size was enough to know"
    whole_or_nothing(tmp_path, MIDDLE)


@pytest.mark.parametrize("to", ["file", None], ids=["file", "memory"])
@pytest.mark.parametrize("longer", [True, False])
async def test_a_body_of_no_announced_size_ends_at_the_size_of_the_wish(tmp_path, to, longer):
    with HttpServer() as server:
        page = server.serve("/page", Pattern(60_000_000) if longer else SMALL, always=[Chunked(piece=100_000)])
        to = None if to is None else tmp_path / to
        async with client() as one:
            with pytest.raises(SizeMismatch):
                await one.fetch(page.url, to, size=len(SMALL) + (0 if not longer else 1_000_000) + (1 - longer))
    assert page.hits == 1
    if longer:
        assert page.body_bytes_sent < 30_000_000
    assert list(tmp_path.iterdir()) == []


async def test_a_body_longer_than_it_announced(tmp_path):
    """As a transport of somebody's might give it."""
    far = far_end()
    page = far.publish("/page", MIDDLE)
    good = far.publish("/good", MIDDLE)
    real = far.open

    def lying(request):
        context = real(request)
        enter = context.__aenter__

        async def entered():
            body = await enter()
            if request.url == page.url:
                body.size -= 1000
            return body

        return type(
            "Context", (), {"__aenter__": lambda _: entered(), "__aexit__": lambda _, *e: context.__aexit__(*e)}
        )()

    far.open = lying
    async with client(far) as one:
        result = await one.fetch(page.url, tmp_path / "file", mirrors=[good.url])
        assert result.source == good.url
        assert (await one.read(good.url)) == MIDDLE
        result = await one.fetch(Fetch(page.url, mirrors=[good.url]))
        assert result.content == MIDDLE
    assert (tmp_path / "file").read_bytes() == MIDDLE


# --- bodies that change


@pytest.mark.parametrize("first", [100_000, 2_500_000])
@pytest.mark.parametrize("then", [OTHER, b"tiny", b"", Pattern(4_000_000, seed=8).read()], ids=len)
async def test_a_changed_body_is_never_spliced(tmp_path, first, then):
    far = far_end()
    page = far.publish("/page", LARGE, faults=[Cut(first), Change(then)])
    async with client(far) as one:
        result = await one.fetch(page.url, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == then
    assert result.size == len(then)
    assert result.resumed_from == 0
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


async def test_changing_all_the_time(tmp_path):
    far = far_end()
    cuts = [(Change(Pattern(400_000, seed=n).read()), Cut(100_000 + n)) for n in range(20)]
    page = far.publish("/page", LARGE, faults=[*cuts, Change(OTHER)])
    async with client(far, retry=Retry(attempts=30, backoff=0)) as one:
        await one.fetch(page.url, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == OTHER


DOUBTS = [
    WrongRange(shift=3), WrongRange(shift=-3), WrongRange(total=123_456_789), IgnoreRange(), RefuseRange(),
    Relabel('"other"'), Relabel(None, None),
]  # fmt: skip


@pytest.mark.parametrize("fault", DOUBTS, ids=str)
@pytest.mark.parametrize("digested", [True, False])
async def test_a_doubtful_range_is_not_used(tmp_path, fault, digested):
    with HttpServer() as server:
        page = server.serve("/page", LARGE, faults=[Cut(2_000_000), fault])
        async with client() as one:
            await one.fetch(page.url, tmp_path / "file", digest=page.digest if digested else None)
    assert (tmp_path / "file").read_bytes() == LARGE
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert page.requests[1].range == "bytes=2000000-"
    if not isinstance(fault, IgnoreRange):
        assert page.hits == 3
        assert page.requests[2].range is None


@pytest.mark.parametrize(
    "fault", [Relabel('"other"'), Relabel(None, None), WrongRange(shift=3), WrongRange(total=99)], ids=str
)
async def test_a_transport_that_does_not_look_at_the_condition(tmp_path, fault):
    """What the transport lets pass is looked at once more where it matters."""
    far = far_end()
    page = far.publish("/page", LARGE, faults=[Cut(2_000_000), fault])
    async with client(far) as one:
        await one.fetch(page.url, tmp_path / "file")
    assert [request.offset for request in page.requests] == [0, 2_000_000, 0]
    assert (tmp_path / "file").read_bytes() == LARGE


@pytest.mark.parametrize("etag", ['W/"weak"', None])
async def test_a_weak_validator_resumes_only_with_a_digest(tmp_path, etag):
    far = far_end()
    for digested, offsets in ((False, [0, 0]), (True, [0, 200_000])):
        page = far.publish(f"/{digested}", MIDDLE, etag=etag, last_modified=None, faults=[Cut(200_000)])
        async with client(far) as one:
            await one.fetch(page.url, tmp_path / "file", digest=digest_of(MIDDLE) if digested else None)
            (tmp_path / "file").unlink()
        assert [request.offset for request in page.requests] == offsets


# --- retries


async def test_progress_resets_the_count(tmp_path):
    far = far_end()
    page = far.publish("/page", MIDDLE, faults=[Cut(10_000)] * 20)
    async with client(far, retry=Retry(attempts=2, backoff=0)) as one:
        result = await one.fetch(page.url, tmp_path / "file")
    assert page.hits == 21
    assert result.attempts == 21
    assert result.transferred == len(MIDDLE)
    assert result.resumed_from == 0, "no earlier fetch left anything"


async def test_no_progress_gives_up(tmp_path):
    far = far_end()
    page = far.publish("/page", MIDDLE, faults=[Cut(10_000), *[Cut(0)] * 20])
    async with client(far, retry=Retry(attempts=3, backoff=0)) as one:
        with pytest.raises(Interrupted) as raised:
            await one.fetch(page.url, tmp_path / "file")
    assert page.hits == 3
    assert [attempt.received for attempt in raised.value.attempts] == [10_000, 0, 0]
    assert whole_or_nothing(tmp_path, MIDDLE) == 10_000


async def test_back_off_is_exponential(tmp_path, slept, monkeypatch):
    monkeypatch.setattr("asyncfetch._transfer.random.random", lambda: 1.0)
    far = far_end()
    page = far.publish("/page", MIDDLE, faults=[Cut(0)] * 4)
    async with client(far, retry=Retry(attempts=5, backoff=1, backoff_max=5)) as one:
        await one.fetch(page.url, tmp_path / "file")
    assert slept == pytest.approx([1, 2, 4, 5])


async def test_mirrors_come_before_pauses(tmp_path, slept):
    far = far_end()
    pages = [far.publish(f"/{number}", SMALL, faults=[Cut(0)]) for number in range(3)]
    async with client(far, retry=Retry(backoff=10)) as one:
        await one.fetch(pages[0].url, tmp_path / "file", mirrors=[page.url for page in pages[1:]])
    assert [page.hits for page in pages] == [2, 1, 1] or sum(page.hits for page in pages) == 4
    assert len(slept) == 1


async def test_retry_after_is_honoured_and_shared(tmp_path, slept, monkeypatch):
    """A host that asked for a pause is left alone by every fetch of the client."""
    monkeypatch.setattr("asyncfetch._transfer.random.random", lambda: 0.0)
    far = far_end()
    page = far.publish("/page", SMALL, faults=[Raise(Busy("later", retry_after=50.0))])
    other = far.publish("/other", SMALL)
    order = []

    async def second(one):
        while page.hits == 0:
            await anyio.lowlevel.checkpoint()
        await one.fetch(other.url, tmp_path / "other")
        order.append("other")

    async with client(far, retry=Retry(backoff=0)) as one, anyio.create_task_group() as tasks:
        tasks.start_soon(second, one)
        await one.fetch(page.url, tmp_path / "file")
    assert slept
    assert sum(pause for pause in slept) >= 49
    assert page.hits == 2
    assert other.hits == 1


async def test_retry_after_has_a_cap(tmp_path, slept):
    far = far_end()
    page = far.publish("/page", SMALL, faults=[Raise(Busy("later", retry_after=1e9))])
    async with client(far, retry=Retry(backoff=0, retry_after_max=7)) as one:
        await one.fetch(page.url, tmp_path / "file")
    assert max(slept) <= 7
    assert sum(slept) == pytest.approx(7, abs=0.5)


async def test_open_and_stat_wait_too(slept):
    far = far_end()
    page = far.publish(
        "/page", SMALL, faults=[Raise(Busy("later", retry_after=20.0)), None, Raise(Busy("x", retry_after=9.0))]
    )
    async with client(far, retry=Retry(backoff=0)) as one:
        assert (await one.stat(page.url)).size == len(SMALL)
        assert sum(slept) == pytest.approx(20, abs=0.5)
        async with one.open(page.url) as body:
            assert body.size == len(SMALL)
        assert sum(slept) == pytest.approx(29, abs=0.5)


async def test_a_busy_host_leaves_the_mirrors_alone(tmp_path, slept):
    with HttpServer() as one_host, HttpServer() as other_host:
        page = one_host.serve("/page", SMALL, always=[Status(503, retry_after=100)])
        mirror = other_host.serve("/page", SMALL)
        async with client() as one:
            for number in range(3):
                result = await one.fetch(page.url, tmp_path / str(number), mirrors=[mirror.url])
                assert result.source == mirror.url
    assert page.hits == 1
    assert slept == []


async def test_a_busy_host_gives_up_in_the_end(tmp_path, slept):
    with HttpServer() as server:
        page = server.serve("/page", SMALL, always=[Status(429, retry_after=1)])
        async with client(retry=Retry(attempts=3, backoff=0)) as one:
            with pytest.raises(Busy) as raised:
                await one.fetch(page.url, tmp_path / "file")
    assert page.hits == 3
    assert raised.value.status == 429
    assert raised.value.retry_after == 1


@pytest.mark.parametrize("error", [AccessDenied("no"), NotFound("no")])
async def test_a_refusal_is_not_repeated(tmp_path, error):
    far = far_end()
    page = far.publish("/page", SMALL, always=[Raise(error)])
    async with client(far) as one:
        with pytest.raises(type(error)):
            await one.fetch(page.url, tmp_path / "file")
    assert page.hits == 1
    assert list(tmp_path.iterdir()) == []


async def test_an_abort_asks_nobody_else(tmp_path):
    far = far_end()
    page = far.publish("/page", SMALL)
    mirror = far.publish("/mirror", SMALL)
    (tmp_path / "folder").mkdir()
    async with client(far) as one:
        from asyncfetch import LocalError

        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(LocalError):
            await one.fetch(page.url, tmp_path / "file" / "below", mirrors=[mirror.url])
    assert page.hits == mirror.hits == 0


# --- time


async def test_a_stall_is_noticed_and_what_came_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("asyncfetch._pulse.PERIOD", 0.005)
    far = far_end()
    page = far.publish("/page", MIDDLE, faults=[Stall(100_000)])
    async with client(far, timeouts=Timeouts(stall=(1_000, 0.02))) as one:
        result = await one.fetch(page.url, tmp_path / "file")
        await idle(one)
    assert [request.offset for request in page.requests] == [0, 100_000]
    assert result.attempts == 2
    assert (tmp_path / "file").read_bytes() == MIDDLE


async def test_a_stall_over_http_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr("asyncfetch._pulse.PERIOD", 0.005)
    with HttpServer() as server:
        page = server.serve("/page", LARGE, always=[Stall(1_000_000)])
        async with client(timeouts=Timeouts(stall=(1_000, 0.02)), retry=Retry(attempts=1)) as one:
            with pytest.raises(Stalled):
                await one.fetch(page.url, tmp_path / "file")
        assert whole_or_nothing(tmp_path, LARGE) == 1_000_000


@pytest.mark.parametrize("to", ["file", None])
async def test_the_whole_may_take_so_long(tmp_path, to):
    far = far_end()
    page = far.publish("/page", MIDDLE, always=[Stall(100_000)])
    async with client(far, timeouts=Timeouts(total=0.3)) as one:
        with pytest.raises(TimedOut) as raised:
            await one.fetch(page.url, None if to is None else tmp_path / to)
        await idle(one)
    assert page.hits == 1
    (cut,) = raised.value.attempts
    assert (cut.source, cut.received) == (page.url, 100_000)
    assert cut.outcome == "TimedOut: it took longer than the 0.3 s allowed in all"
    if to:
        assert whole_or_nothing(tmp_path, MIDDLE) == 100_000


async def test_the_rate_is_kept(tmp_path, monkeypatch):
    """No sleeping: the pauses that the rate asks for are added up."""
    pauses = []

    async def sleep(seconds):
        pauses.append(seconds)
        await anyio.lowlevel.checkpoint()

    far = far_end()
    page = far.publish("/page", MIDDLE)
    async with client(far, limits=Limits(rate=1_000_000)) as one:
        monkeypatch.setattr("asyncfetch._gates.anyio.sleep", sleep)
        result = await one.fetch(page.url, tmp_path / "file")
        assert (await one.read(page.url)) == MIDDLE
        monkeypatch.undo()
    assert result.size == len(MIDDLE)
    # the clock stood still, so each wait is longer than the one before by the portion: the last is the whole time due
    assert 0.4 < max(pauses) < 0.65


# --- without asking


async def test_offline_asks_nobody(tmp_path):
    (tmp_path / "here").write_bytes(SMALL)
    far = far_end()
    page = far.publish("/page", SMALL)
    local = (tmp_path / "here").as_uri()
    async with client(far, offline=True) as one:
        with pytest.raises(Offline):
            await one.fetch(page.url, tmp_path / "file")
        with pytest.raises(Offline):
            await one.read("http://127.0.0.1:1/x")
        with pytest.raises(Offline):
            await one.stat(page.url)
        result = await one.fetch(page.url, tmp_path / "file", mirrors=[local])
        assert result.source == local
        assert await one.read(local) == SMALL
        again = await one.fetch(page.url, tmp_path / "file", digest=digest_of(SMALL))
        assert again.transferred == 0
    assert page.hits == 0


@pytest.mark.parametrize("body", [SMALL, LARGE, b""], ids=["small", "large", "empty"])
async def test_a_destination_that_holds_the_digest_is_enough(tmp_path, body):
    far = far_end()
    page = far.publish("/page", body)
    (tmp_path / "file").write_bytes(body)
    before = (tmp_path / "file").stat()
    async with client(far) as one:
        result = await one.fetch(page.url, tmp_path / "file", digest=digest_of(body))
        many = ["md5", digest_of(body)]
        both = await one.fetch(page.url, tmp_path / "file", digest=many)
    assert page.hits == 0
    assert (result.transferred, result.size, result.digest) == (0, len(body), digest_of(body))
    assert both.digest.algorithm == "md5"
    assert both.digest.value
    after = (tmp_path / "file").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


async def test_one_of_two_digests_is_not_enough(tmp_path):
    far = far_end()
    page = far.publish("/page", MIDDLE)
    (tmp_path / "file").write_bytes(MIDDLE)
    async with client(far) as one:
        with pytest.raises(DigestMismatch):
            await one.fetch(page.url, tmp_path / "file", digest=[digest_of(MIDDLE), "md5:" + "0" * 32])
    assert page.hits == 1
    assert (tmp_path / "file").read_bytes() == MIDDLE


async def test_an_old_file_without_a_digest_is_fetched_again(tmp_path):
    far = far_end()
    page = far.publish("/page", MIDDLE)
    (tmp_path / "file").write_bytes(MIDDLE)
    inode = (tmp_path / "file").stat().st_ino
    async with client(far) as one:
        result = await one.fetch(page.url, tmp_path / "file", digest="sha256")
    assert result.digest == digest_of(MIDDLE)
    assert page.hits == 1
    assert (tmp_path / "file").stat().st_ino != inode


async def test_unless(tmp_path):
    far = far_end()
    page = far.publish("/page", MIDDLE)
    async with client(far) as one:
        first = await one.fetch(page.url, tmp_path / "file")
        inode = (tmp_path / "file").stat().st_ino
        second = await one.fetch(page.url, tmp_path / "file", unless=first.validator)
        assert second.unchanged
        assert second.transferred == 0
        assert second.size == len(MIDDLE)
        assert (tmp_path / "file").stat().st_ino == inode
        in_memory = await one.fetch(page.url, unless=first.validator)
        assert in_memory.unchanged
        page.change(OTHER)
        third = await one.fetch(page.url, tmp_path / "file", unless=first.validator)
        assert not third.unchanged
    assert (tmp_path / "file").read_bytes() == OTHER
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert isinstance(third.validator, Validator)


# --- what an observer sees


async def test_an_observer_sees_all_of_it_in_order(tmp_path):
    seen = []
    far = far_end()
    page = far.publish("/page", MIDDLE, faults=[Cut(100_000)])
    gone = far.url("/gone")
    async with client(far, observer=seen.append) as one:
        result = await one.fetch(page.url, tmp_path / "file")
        with pytest.raises(NotFound) as raised:
            await one.fetch(gone, tmp_path / "gone")
    kinds = [type(event) for event in seen if type(event).__name__ != "Advanced"]
    assert kinds == [Started, Retrying, Started, Finished, Failed]
    assert (seen[0].offset, seen[0].size) == (0, len(MIDDLE))
    assert [event.offset for event in seen if isinstance(event, Started)] == [0, 100_000]
    assert next(event for event in seen if isinstance(event, Finished)).result is result
    assert seen[-1].error is raised.value
    assert seen[-1].error.fetch is seen[-1].fetch


async def test_an_observer_that_raises_changes_nothing(tmp_path, caplog):
    def observer(event):
        raise RuntimeError("not today")

    far = far_end()
    page = far.publish("/page", MIDDLE, faults=[Cut(100_000)])
    async with client(far, observer=observer) as one:
        await one.fetch(page.url, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == MIDDLE
    assert "not today" in caplog.text


async def test_progress_is_told_at_most_ten_times_a_second(tmp_path, monkeypatch):
    """Once for each turn of the pulse, whatever the number of buffers."""
    seen, turns = [], []
    real = anyio.sleep

    async def sleep(seconds):
        assert seconds == 0.1
        turns.append(seconds)
        await real(0)

    far = far_end()
    page = far.publish("/page", Pattern(30_000_000))
    async with client(far, observer=seen.append) as one:
        monkeypatch.setattr("asyncfetch._pulse.anyio.sleep", sleep)
        await one.fetch(page.url, tmp_path / "file")
        monkeypatch.undo()
    advanced = [event for event in seen if type(event).__name__ == "Advanced"]
    assert 0 < len(advanced) <= len(turns)
    assert [event.done for event in advanced] == sorted(event.done for event in advanced)
    assert all(event.size == 30_000_000 for event in advanced)
    assert isinstance(seen[-1], Finished)
