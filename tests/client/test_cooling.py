"""Hosts that ask to be left alone: nobody asks them meanwhile, nobody else waits for them, and none waits for ever."""

import threading
import time
from contextlib import ExitStack, aclosing
from itertools import pairwise

import anyio
import pytest

from asyncfetch import Busy, Fetch, Interrupted, Limits, NotFound, Result, Retry, Retrying
from asyncfetch.testing import Hold, HttpServer, MemoryTransport, Raise, Redirect, Status

from .scene import MIDDLE, SMALL, client, digest_of, far_end, idle, until

pytestmark = pytest.mark.anyio
SHORT = 0.05  # seconds; servers say 1, the client's settings cap it


@pytest.fixture
def skipping(monkeypatch):
    """A clock that goes on by every pause of a transfer, none of which is slept; and those pauses."""
    offset, pauses, real_sleep, real_clock = [0.0], [], anyio.sleep, time.perf_counter

    def clock():
        return real_clock() + offset[0]

    async def sleep(seconds):
        if seconds == 0.1:  # the pulse's own
            await real_sleep(0.001)
            return
        pauses.append(seconds)
        due = clock() + seconds
        for _ in range(50):  # time does not pass before the others had their turns
            await real_sleep(0)
        offset[0] += max(0.0, due - clock())

    monkeypatch.setattr("asyncfetch._client.time.perf_counter", clock)
    monkeypatch.setattr("asyncfetch._transfer.anyio.sleep", sleep)
    clock.pauses = pauses
    return clock


class Hosts:
    """Many hosts behind one transport, which takes turns of the loop to connect.

    ``wrong`` lists requests that came in a cool-down: the hosts count from the moment their answer is heard.
    """

    def __init__(self, clock, count):
        self.clock = clock
        self.far = [MemoryTransport(host=f"h{number}") for number in range(count)]
        self.cool = dict.fromkeys(range(count), 0.0)
        self.hits = dict.fromkeys(range(count), 0)
        self.turned_away = {}  # host -> how often it still says so
        self.held_back = 0
        self.wrong = []

    def publish(self, host, path, data):
        return self.far[host].publish(path, data).url

    def open(self, request):
        return _Connecting(self, int(request.url.host[1:]), request)

    async def aclose(self):
        pass


class _Connecting:
    def __init__(self, hosts, host, request):
        self.hosts, self.host, self.request = hosts, host, request
        self.context = hosts.far[host].open(request)

    async def __aenter__(self):
        hosts, host = self.hosts, self.host
        for _ in range(20 - int(self.request.url.path[1:]) % 4 * 5):
            await anyio.lowlevel.checkpoint()
        try:
            self.request.ready(self.request.url)
        except Busy:
            hosts.held_back += 1
            raise
        hosts.hits[host] += 1
        if hosts.clock() < hosts.cool[host]:
            hosts.wrong.append(str(self.request.url))
        if hosts.turned_away.get(host, 0) > 0:
            hosts.turned_away[host] -= 1
            hosts.cool[host] = hosts.clock() + 30
            raise Busy("not now", status=429, retry_after=30.0, url=self.request.url)
        return await self.context.__aenter__()

    async def __aexit__(self, *exc_info):
        return await self.context.__aexit__(*exc_info)


@pytest.mark.parametrize("batch", [True, False], ids=["batch", "each"])
async def test_no_request_reaches_a_host_in_its_cool_down(skipping, batch):
    """50 hosts of which 5 turn away, 20 wishes each, so that many wait at the gate and many are connecting."""
    hosts = Hosts(skipping, 50)
    hosts.turned_away = dict.fromkeys(range(0, 50, 10), 7)
    wishes = [hosts.publish(host, f"/{number}", SMALL) for host in range(50) for number in range(20)]
    outcomes = []
    async with client(hosts, retry=Retry(backoff=0, attempts=9), limits=Limits(total=64, per_host=4)) as one:
        if batch:
            outcomes = await one.fetch_all(wishes)
        else:

            async def fetch(url):
                outcomes.append(await one.fetch(url))

            async with anyio.create_task_group() as tasks:
                for url in wishes:
                    tasks.start_soon(fetch, url)
        await idle(one)
        assert all(one._gates.cool_until(("memory", f"h{host}", None)) == 0 for host in range(50))
    assert all(isinstance(outcome, Result) for outcome in outcomes)
    assert hosts.wrong == []
    assert hosts.held_back >= 1, "nobody was connecting when a cool-down began: nothing was put to the test"
    assert [hosts.hits[host] for host in range(50)] == [20 if host % 10 else 27 for host in range(50)]


async def test_none_reaches_a_real_server_in_its_cool_down(monkeypatch):
    """The same over HTTP, told by the servers: one connection a host, so that none is under way unseen."""
    asked = {}  # server -> times at which it turned away, and at which it was asked
    import asyncfetch.testing.http as far_side

    real = far_side.answer

    def noting(received, version, faults):
        reply = real(received, version, faults)
        asked.setdefault(received.header("host"), []).append((time.perf_counter(), reply.status))
        return reply

    monkeypatch.setattr(far_side, "answer", noting)
    with ExitStack() as stack:
        servers = [stack.enter_context(HttpServer()) for _ in range(50)]
        wishes = []
        for number, server in enumerate(servers):
            faults = [Status(429, retry_after=1)] * 3 if number % 10 == 0 else []
            wishes += [server.serve(f"/{page}", SMALL, faults=faults if page == 0 else []).url for page in range(4)]
        patient = Retry(backoff=0, retry_after_max=SHORT)
        async with client(retry=patient, limits=Limits(total=64, per_host=1)) as one:
            outcomes = await one.fetch_all(wishes)
    assert all(isinstance(outcome, Result) for outcome in outcomes)
    turned = 0
    for events in asked.values():
        for (before, status), (after, _) in pairwise(events):
            if status == 429:
                turned += 1
                assert after - before >= SHORT, "it was asked in its cool-down"
    assert turned == 15
    assert sum(len(events) for events in asked.values()) == 200 + 15


@pytest.mark.parametrize("by", ["batch", "single"])
async def test_who_waits_at_the_gate_goes_to_a_mirror_when_the_cool_down_begins(skipping, by):
    hosts = Hosts(skipping, 2)
    hosts.turned_away = {0: 1}
    wishes = [
        Fetch(hosts.publish(0, f"/{number}", SMALL), mirrors=[hosts.publish(1, f"/{number}", SMALL)])
        for number in range(8)
    ]
    results = []
    async with client(hosts, retry=Retry(backoff=0), limits=Limits(per_host=1)) as one:
        if by == "batch":
            results = await one.fetch_all(wishes)
        else:

            async def fetch(wish):
                results.append(await one.fetch(wish))

            async with anyio.create_task_group() as tasks:
                for wish in wishes:
                    tasks.start_soon(fetch, wish)
    assert hosts.wrong == []
    assert hosts.hits == {0: 1, 1: 8}
    assert skipping.pauses == []
    assert len(results) == 8


async def test_a_redirect_does_not_lead_into_a_cool_down(skipping):
    """The host that said it is the one that is left alone, and the one that leads to it is not to blame."""
    with HttpServer() as far, HttpServer() as near:
        target = far.serve("/file", SMALL, faults=[Status(429, retry_after=60)])
        page = near.serve("/page", always=[Redirect(target.url)])
        plain = near.serve("/plain", SMALL)
        other = far.serve("/other", SMALL)
        async with client(retry=Retry(backoff=0)) as one:
            assert await one.read(page.url) == SMALL
            assert sum(skipping.pauses) >= 59
            target.cue(Status(503, retry_after=60))
            skipping.pauses.clear()
            with anyio.fail_after(10):
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(one.read, page.url)
                    await until(lambda: target.hits == 3)
                    await until(lambda: one._gates.cool_until(("http", "127.0.0.1", far.port)) > 0 or target.hits > 3)
                    tasks.start_soon(one.read, other.url)
                    assert await one.read(plain.url) == SMALL
    assert target.hits == 4
    assert other.hits == 1
    assert page.hits <= 5


async def test_stat_open_and_list_wait_too(skipping):
    far = far_end()
    page = far.publish("/page", SMALL)
    async with client(far, retry=Retry(backoff=0)) as one:
        host = ("memory", "far", None)
        for verb in ("stat", "open", "list"):
            skipping.pauses.clear()
            one._gates.cool(host, 40)
            if verb == "stat":
                await one.stat(page.url)
            elif verb == "open":
                async with one.open(page.url):
                    pass
            else:
                assert [entry async for entry in one.list(far.url("/"))]
            assert sum(skipping.pauses) == pytest.approx(40, abs=1)
        await idle(one)


async def test_hosts_that_are_left_alone_do_not_hold_up_a_batch():
    """More wishes wait for them, and for longer, than there are tasks to carry wishes out."""
    bad, good = [MemoryTransport(host=f"bad{number}") for number in range(20)], far_end()
    go = threading.Event()
    slow = [
        far.publish(f"/{number}", SMALL, always=[Hold(go), Raise(Busy("no", status=429, retry_after=200.0))]).url
        for far in bad
        for number in range(10)
    ]
    quick = [good.publish(f"/{number}", SMALL).url for number in range(100)]
    seen = []

    class Both:
        def open(self, request):
            host = request.url.host
            return (good if host == "far" else bad[int(host[3:])]).open(request)

        async def aclose(self):
            pass

    async def let_go():
        await until(lambda: sum(len(far.requests) for far in bad) == 8)
        go.set()  # they are all turned away at once, and everybody rests

    async with client(Both(), limits=Limits(total=8, per_host=4)) as one:
        with anyio.fail_after(10):
            async with anyio.create_task_group() as tasks, aclosing(one.as_fetched([*slow, *quick])) as outcomes:
                tasks.start_soon(let_go)
                async for outcome in outcomes:
                    seen.append(outcome)
                    if len(seen) == len(quick):
                        break
        await idle(one)
    assert {str(outcome.source) for outcome in seen} == set(quick)
    assert all(len(far.requests) <= 4 for far in bad)


async def test_a_host_that_never_says_anything_else_is_given_up_by_all(skipping):
    """60 wait for it: the pauses that it asked for count for all of them, or the last would wait 60 times as long."""
    far = far_end()
    pages = [
        far.publish(f"/{number}", SMALL, always=[Raise(Busy("no", status=503, retry_after=10.0))])
        for number in range(60)
    ]
    async with client(far, retry=Retry(attempts=3, backoff=0), limits=Limits(per_host=2)) as one:
        began, errors = skipping(), []

        async def fetch(url):
            with pytest.raises(Busy) as raised:
                await one.read(url)
            errors.append(str(raised.value))

        async with anyio.create_task_group() as tasks:
            for page in pages:
                tasks.start_soon(fetch, page.url)
        await idle(one)
    assert any("times in a row" in error and "memory://far/" in error for error in errors)
    assert len(far.requests) < 20, "each of them asked for itself"
    assert skipping() - began < 10 * 10


async def test_without_a_time_they_are_left_alone_for_a_back_off(skipping, monkeypatch):
    monkeypatch.setattr("asyncfetch._gates.random.random", lambda: 0.5)
    far = far_end()
    page = far.publish("/page", SMALL, faults=[Raise(Busy("no", status=429)), Raise(Busy("no", status=500))])
    async with client(far, retry=Retry(backoff=8)) as one:
        one._gates._chance = lambda: 0.5
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(one.read, page.url)
            await until(lambda: page.hits == 1)
            assert one._gates.cool_until(("memory", "far", None)) - skipping() == pytest.approx(4, abs=0.5)
    assert page.hits == 3


async def test_failures_make_a_host_be_asked_less_and_successes_more(tmp_path):
    """Additive increase, multiplicative decrease, as a server sees it."""
    far = far_end()
    broken = [far.publish(f"/broken{n}", MIDDLE, faults=[Raise(Interrupted("reset"))]) for n in range(4)]
    good = [far.publish(f"/{number}", SMALL) for number in range(30)]
    host = ("memory", "far", None)
    async with client(far, limits=Limits(per_host=4)) as one:
        await one.fetch_all([Fetch(page.url, tmp_path / f"broken{n}") for n, page in enumerate(broken)])
        few = one._gates.places(host)
        assert 1 <= few < 4
        await one.fetch_all([page.url for page in good])
        assert one._gates.places(host) == 4
        assert host not in one._gates.troubled
        await idle(one)


async def test_a_missing_file_says_nothing_against_a_host():
    far = far_end()
    async with client(far) as one:
        for number in range(20):
            with pytest.raises(NotFound):
                await one.read(far.url(f"/{number}"))
        assert one._gates.troubled == {}


async def test_who_is_left_alone_is_told_of(skipping):
    seen = []
    hosts = Hosts(skipping, 1)
    hosts.turned_away = {0: 1}
    urls = [hosts.publish(0, f"/{number}", SMALL) for number in range(3)]
    async with client(hosts, retry=Retry(backoff=0), limits=Limits(per_host=1), observer=seen.append) as one:
        results = await one.fetch_all([Fetch(url, digest=digest_of(SMALL)) for url in urls])
    told = [event for event in seen if isinstance(event, Retrying)]
    assert told
    assert all(event.pause == pytest.approx(30, abs=1) for event in told)
    assert sorted(result.attempts for result in results) == [1, 1, 2], "to be sent away is no attempt"
