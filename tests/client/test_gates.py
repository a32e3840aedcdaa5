"""Places for attempts: never more than allowed, always given back, and one full host does not hold up others."""

import threading
from collections import Counter

import anyio
import pytest
from hypothesis import given, strategies as some

from asyncfetch import Busy, Fetch, FetchError, Limits, Result, Retry, TransientError, Url
from asyncfetch._gates import Cooling, Gates, Pace
from asyncfetch.testing import Cut, Hold, MemoryTransport, Raise

from .scene import MIDDLE, SMALL, client, idle, until

HOSTS = [("x", name, None) for name in "abc"]
RETRY = Retry()


class Hosts:
    """One transport for several hosts, which counts what is open at a time; nothing goes on before so many are."""

    def __init__(self, *, expected):
        self.expected = expected
        self.far = {name: MemoryTransport(host=name) for name in "abc"}
        self.open_now = dict.fromkeys("abc", 0)
        self.most = dict.fromkeys([*"abc", "all"], 0)

    def open(self, request):
        return _Counted(self, request)

    async def all_there(self):
        await until(lambda: self.most["all"] >= self.expected)

    async def aclose(self):
        pass


class _Counted:
    def __init__(self, hosts, request):
        self.hosts, self.host = hosts, request.url.host
        self.context = hosts.far[self.host].open(request)

    async def __aenter__(self):
        now = self.hosts.open_now
        now[self.host] += 1
        try:
            self.hosts.most[self.host] = max(self.hosts.most[self.host], now[self.host])
            self.hosts.most["all"] = max(self.hosts.most["all"], sum(now.values()))
            await self.hosts.all_there()
            return await self.context.__aenter__()
        except BaseException:
            now[self.host] -= 1
            raise

    async def __aexit__(self, *exc_info):
        self.hosts.open_now[self.host] -= 1
        return await self.context.__aexit__(*exc_info)


@pytest.mark.parametrize(("total", "per_host"), [(1, 1), (3, 2), (64, 2), (4, 64)])
@pytest.mark.anyio
async def test_never_more_than_allowed(tmp_path, total, per_host):
    hosts = Hosts(expected=min(total, 3 * per_host))
    wishes = []
    for number in range(40):
        for name, far in hosts.far.items():
            faults = [[], [Cut(1000)], [Raise(FetchError("no"))]][number % 3]
            wishes.append(Fetch(far.publish(f"/{number}", SMALL, faults=faults).url, tmp_path / f"{name}{number}"))
    async with client(hosts, limits=Limits(total=total, per_host=per_host)) as one:
        with anyio.fail_after(10):
            outcomes = await one.fetch_all(wishes)
        await idle(one)
    assert sum(isinstance(outcome, Result) for outcome in outcomes) == 81
    assert hosts.most["all"] == min(total, 3 * per_host)
    assert all(hosts.most[name] <= per_host for name in "abc")


@pytest.mark.anyio
async def test_a_full_host_does_not_hold_up_others(tmp_path):
    go = threading.Event()
    hosts = Hosts(expected=1)
    stuck = [hosts.far["a"].publish(f"/{number}", SMALL, always=[Hold(go)]) for number in range(20)]
    free = [hosts.far["b"].publish(f"/{number}", SMALL) for number in range(20)]
    seen = []
    async with client(hosts, limits=Limits(total=8, per_host=2)) as one:

        async def fetch(url):
            await one.read(url)
            seen.append(url)

        async with anyio.create_task_group() as tasks:
            for page in stuck:
                tasks.start_soon(fetch, page.url)
            await until(lambda: hosts.open_now["a"] == 2)
            for page in free:
                tasks.start_soon(fetch, page.url)
            await until(lambda: len(seen) == 20)
            assert set(seen) == {page.url for page in free}
            go.set()
        await idle(one)


@pytest.mark.anyio
async def test_a_pause_holds_no_place(tmp_path, monkeypatch):
    """With one place only, one fetch backs off while another one has it."""
    hosts = Hosts(expected=1)
    flaky = hosts.far["a"].publish("/flaky", SMALL, faults=[Cut(0)])
    page = hosts.far["a"].publish("/page", MIDDLE)
    pausing, go = anyio.Event(), anyio.Event()
    real = anyio.sleep

    async def sleep(seconds):
        if seconds == 0.1:
            await real(seconds)
        else:
            pausing.set()
            await go.wait()

    monkeypatch.setattr("asyncfetch._transfer.anyio.sleep", sleep)
    narrow = Limits(total=1, per_host=1)
    async with client(hosts, limits=narrow, retry=Retry(backoff=1)) as one, anyio.create_task_group() as tasks:
        tasks.start_soon(one.read, flaky.url)
        await pausing.wait()
        assert await one.read(page.url) == MIDDLE
        go.set()
    assert flaky.hits == 2


@given(
    total=some.integers(1, 4),
    per_host=some.integers(1, 4),
    steps=some.lists(
        some.tuples(some.sampled_from("EEEELCAFGT"), some.integers(0, 2), some.integers(0, 30)), max_size=40
    ),
)
def _any_order_of_coming_and_going(seen, total, per_host, steps):
    """Enter, leave, cancel, cool and fail in any order; ``seen`` counts what happened."""
    now = 0.0

    async def run():
        nonlocal now
        gates = Gates(Limits(total=total, per_host=per_host), lambda: now, RETRY, lambda: 1.0)
        inside, waiting = [], []

        def check():
            _check(gates, inside, [host for host, _ in waiting], total, per_host)

        async with anyio.create_task_group() as tasks:

            async def come(host, scope):
                with scope:
                    try:
                        await gates.enter(host)
                        assert not gates.cool_until(host), "it was let in during the cool-down"
                        inside.append(host)
                    except Cooling:
                        assert gates.cool_until(host), "it was sent away for nothing"
                        seen["sent away"] += 1
                waiting.remove((host, scope))

            for kind, at, which in steps:
                host = HOSTS[at]
                if kind == "E":
                    waiting.append((host, anyio.CancelScope()))
                    tasks.start_soon(come, *waiting[-1])
                elif kind == "L" and inside:
                    gates.leave(inside.pop(which % len(inside)))
                elif kind == "C" and waiting:
                    waiting[which % len(waiting)][1].cancel()
                elif kind == "A":
                    gates.cool(host, which)
                elif kind == "G":
                    gates.gained(host)
                elif kind == "T":
                    now += which
                elif kind == "F":
                    gates.failed(Url.of(f"x://{host[1]}/"), TransientError("x"), now)
                    seen["fewer places"] += gates.places(host) < per_host
                if which % 3:  # sometimes two things happen at once
                    await _settle()
                    check()
            await _settle()
            while inside:
                gates.leave(inside.pop())
                await _settle()
                check()
            assert not waiting
        assert gates._busy == gates._waiting == gates._sent_away == {}
        assert gates._free == total

    anyio.run(run)


def test_any_order_of_coming_and_going():
    seen = Counter()
    _any_order_of_coming_and_going(seen)
    assert seen["sent away"] >= 15, seen
    assert seen["fewer places"] >= 15, seen


async def _settle():
    for _ in range(6):
        await anyio.lowlevel.checkpoint()


def _check(gates, inside, waiting, total, per_host):
    """The counts hold after every step, and nobody waits beside a free place, or for a host that is left alone."""
    assert len(inside) <= total
    for host in HOSTS:
        assert inside.count(host) <= per_host
        assert 1 <= gates.places(host) <= per_host
        if host in waiting:
            assert not gates.cool_until(host), "it waits for a host that is left alone"
            assert inside.count(host) >= gates.places(host) or len(inside) == total, "it waits beside a free place"
            assert gates.room(host) == 0
    assert gates._free == total - len(inside)


@pytest.mark.anyio
async def test_waiters_of_a_host_are_served_in_order():
    gates = Gates(Limits(total=1, per_host=1), lambda: 0.0, RETRY)
    order = []

    async def come(number):
        await gates.enter(HOSTS[number % 2])
        order.append(number)
        await anyio.lowlevel.checkpoint()
        gates.leave(HOSTS[number % 2])

    async with anyio.create_task_group() as tasks:
        for number in range(10):
            tasks.start_soon(come, number)
            await anyio.lowlevel.checkpoint()
    assert [number for number in order if number % 2 == 0] == [0, 2, 4, 6, 8]
    assert [number for number in order if number % 2] == [1, 3, 5, 7, 9]


@pytest.mark.anyio
async def test_a_pace_is_shared(monkeypatch):
    now = [0.0]

    async def sleep(seconds):
        now[0] += seconds
        await anyio.lowlevel.checkpoint()

    monkeypatch.setattr("asyncfetch._gates.anyio.sleep", sleep)
    pace = Pace(1000, lambda: now[0])
    for _ in range(100):
        await pace.spend(pace.portion)
    assert now[0] == pytest.approx(100 * pace.portion / 1000, rel=0.03)
    now[0] += 1000  # long idle: no burst beyond the depth of the bucket
    before = now[0]
    for _ in range(10):
        await pace.spend(100)
    assert now[0] - before >= 0.75


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.anyio
async def test_cancelled_in_the_moment_a_place_is_given():
    """asyncio itself may cancel a task whose event is set already: the place goes on to the next one."""
    import asyncio

    gates = Gates(Limits(total=1, per_host=1), lambda: 0.0, RETRY)
    await gates.enter(HOSTS[0])
    first, second = (asyncio.create_task(gates.enter(HOSTS[0])) for _ in range(2))
    await asyncio.sleep(0)
    gates.leave(HOSTS[0])
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    await second
    gates.leave(HOSTS[0])
    assert gates._busy == gates._waiting == {}
    assert gates._free == 1


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.anyio
async def test_cancelled_in_the_moment_of_being_sent_away():
    """There is no place to give back."""
    import asyncio

    gates = Gates(Limits(total=1, per_host=1), lambda: 0.0, RETRY)
    await gates.enter(HOSTS[0])
    waiter = asyncio.create_task(gates.enter(HOSTS[0]))
    await asyncio.sleep(0)
    gates.cool(HOSTS[0], 5)
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    assert gates._busy == {HOSTS[0]: 1}
    assert gates._sent_away == {}
    gates.leave(HOSTS[0])
    assert gates._free == 1


@pytest.mark.anyio
async def test_a_place_given_in_the_moment_the_cool_down_begins_goes_back():
    gates = Gates(Limits(total=1, per_host=1), lambda: 0.0, RETRY)
    await gates.enter(HOSTS[0])
    seen = []

    async def come():
        try:
            await gates.enter(HOSTS[0])
        except Cooling as error:
            seen.append(error.until)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(come)
        await _settle()
        gates.leave(HOSTS[0])
        gates.cool(HOSTS[0], 5)
    assert seen == [5.0]
    assert (gates._free, gates._busy) == (1, {})


@pytest.mark.anyio
async def test_who_waits_is_let_in_when_a_success_makes_room():
    now = [0.0]
    gates = Gates(Limits(total=9, per_host=2), lambda: now[0], RETRY, lambda: 0.0)
    gates.failed(Url.of("x://a/"), TransientError("reset"), 0.0)
    assert gates.places(HOSTS[0]) == 1
    await gates.enter(HOSTS[0])
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(gates.enter, HOSTS[0])
        await _settle()
        assert gates._busy == {HOSTS[0]: 1}
        gates.gained(HOSTS[0])  # nobody leaves
    assert gates._busy == {HOSTS[0]: 2}


def test_what_is_remembered_of_hosts_is_bounded():
    now = 0.0
    gates = Gates(Limits(), lambda: now, RETRY, lambda: 0.0)
    for number in range(3_000):
        now += 0.1
        gates.failed(Url.of(f"x://h{number}/"), TransientError("reset"), now)
    assert len(gates.troubled) == 1024
    assert gates.places(("x", "h2999", None)) < Limits().per_host
    now += 10_000  # all of it is long ago
    gates.failed(Url.of("x://h/"), TransientError("reset"), now)
    assert len(gates.troubled) == 1


def test_who_said_it_is_left_alone():
    """The host that a redirect led to, not the one that it came from."""
    gates = Gates(Limits(), lambda: 0.0, RETRY, lambda: 1.0)
    gates.failed(Url.of("http://near/"), Busy("no", status=429, url="http://far/x", chain=("http://near/",)), 0.0)
    assert gates.cool_until(("http", "far", 80)) == RETRY.backoff
    assert gates.cool_until(("http", "near", 80)) == 0
    assert gates.places(("http", "near", 80)) == 1  # less of it leads there then
    gates.failed(Url.of("http://near/"), Busy("no", status=500), 0.0)
    assert gates.cool_until(("http", "near", 80)) == 0, "an error of one page is none of the host"
    gates.failed(Url.of("http://near/"), Busy("no", status=502, retry_after=7), 0.0)
    assert gates.cool_until(("http", "near", 80)) == 7
    assert repr(gates).endswith("2 hosts left alone>")


@pytest.mark.anyio
async def test_room_is_what_nobody_waits_for():
    gates = Gates(Limits(total=4, per_host=2), lambda: 0.0, RETRY, lambda: 0.0)
    here, there = HOSTS[:2]
    assert [gates.room(host) for host in (here, there)] == [2, 2]
    await gates.enter(here)
    await gates.enter(here)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(gates.enter, here)
        await _settle()
        assert gates.room(here) == 0
        assert gates.room(there) == 2, "who waits for one host holds up no other"
        assert not gates.is_crowded(there)
        assert gates.is_crowded(here)
        assert not gates.enter_now(here)
        assert gates.enter_now(there)
        assert gates.enter_now(there)
        assert gates.room(there) == 0
        assert gates.is_crowded(there), "there is no place left for who waits, wherever it becomes free"
        gates.leave(there)
        gates.leave(here)
    assert gates._busy == {here: 2, there: 1}
    gates.cool(there, 10.0)
    assert gates.room(there) == 0


def test_a_place_is_taken_at_once_where_there_is_room():
    """`enter_now` says what `room` says, whoever has a place, is in trouble or is left alone."""
    gates = Gates(Limits(total=5, per_host=3), lambda: 0.0, RETRY, lambda: 0.0)
    gates.failed(Url.of("x://b/"), TransientError("reset"), 0.0)  # fewer places
    gates.cool(HOSTS[2], 10.0)
    taken = Counter()
    for _ in range(4):
        for host in HOSTS:
            room = gates.room(host)
            assert gates.enter_now(host) is (room > 0)
            assert gates.room(host) == max(0, room - 1)
            taken[host[1]] += room > 0
    assert taken == {"a": 3, "b": 1, "c": 0}
    assert gates._free == 5 - sum(taken.values())
    gates = Gates(Limits(total=2, per_host=2), lambda: 0.0, RETRY)
    assert [gates.enter_now(host) for host in HOSTS] == [True, True, False], "all places are taken"
