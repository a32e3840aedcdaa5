"""Several sources, across schemes: what is wrong with one is answered by the next, and remembered for a while."""

import hashlib
import itertools
import os
import time
from dataclasses import dataclass

import anyio
import pytest

from asyncfetch import ConnectFailed, Digest, DigestMismatch, Fetch, FetchError, Limits, Retry, Trust
from asyncfetch._gates import Gates
from asyncfetch._hosts import Hosts
from asyncfetch._model.exchange import NOTHING
from asyncfetch.testing import (
    Authority,
    Corrupt,
    Cut,
    FtpServer,
    HttpServer,
    MemoryTransport,
    Pattern,
    Raise,
    S3Server,
    Status,
)

from .scene import LARGE, MIDDLE, SMALL, client, digest_of, far_end, idle

pytestmark = pytest.mark.anyio
OTHER = Pattern(300_000, seed=9).read()
SCHEMES = ("https", "s3", "ftp", "file")


@dataclass
class World:
    """A server for each scheme; ``put`` publishes a body there under a fresh name."""

    https: HttpServer
    s3: S3Server
    ftp: FtpServer
    folder: os.PathLike
    settings: dict
    auth: dict
    count: int = 0

    def put(self, scheme, data, faults=()):
        self.count += 1
        name = f"file{self.count}"
        if scheme == "https":
            return self.https.serve(f"/{name}", data, faults=faults).url
        if scheme == "s3":
            return self.s3.put(name, data)
        if scheme == "ftp":
            return self.ftp.serve(name, data, faults=faults).url
        (self.folder / name).write_bytes(data)
        return (self.folder / name).as_uri()

    def client(self, **more):
        return client(auth=self.auth, **{**self.settings, **more})


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    authority, folder = Authority(), tmp_path_factory.mktemp("far")
    with HttpServer(tls=authority) as https, S3Server() as s3, FtpServer() as ftp:
        trust = Trust(verify=authority.write(folder / "ca.pem"))
        yield World(https, s3, ftp, folder, {"trust": trust, "s3": s3.settings.s3}, s3.auth)


@pytest.mark.parametrize("first", SCHEMES)
async def test_a_bad_digest_at_the_first_is_answered_by_whichever_comes_next(world, tmp_path, first):
    """In every order of the schemes, into a file and into memory."""
    orders = [order for order in itertools.permutations(SCHEMES) if order[0] == first]
    for number, order in enumerate(orders):
        bad, *good = [world.put(scheme, MIDDLE if place else OTHER) for place, scheme in enumerate(order)]
        to = None if number % 3 == 2 else tmp_path / str(number)
        async with world.client() as one:
            result = await one.fetch(bad, to, mirrors=good, digest=digest_of(MIDDLE))
            await idle(one)
        assert (result.source, result.attempts) == (good[0], 2), order
        assert (result.content if to is None else to.read_bytes()) == MIDDLE
        assert sorted(os.listdir(tmp_path)) == sorted(str(one) for one in range(number + 1) if one % 3 != 2)


async def test_only_the_last_is_right(world, tmp_path):
    urls = [world.put(scheme, MIDDLE if scheme == "ftp" else OTHER) for scheme in ("file", "https", "s3", "ftp")]
    async with world.client() as one:
        result = await one.fetch(urls[0], tmp_path / "file", mirrors=urls[1:], digest=digest_of(MIDDLE))
        assert (result.source, result.attempts) == (urls[3], 4)
        with pytest.raises(DigestMismatch) as raised:
            await one.fetch(urls[0], tmp_path / "none", mirrors=urls[1:3], digest=digest_of(MIDDLE))
    assert [attempt.source for attempt in raised.value.attempts] == urls[:3]
    assert raised.value.url == urls[2], "the error names the source whose bytes were wrong"


@pytest.mark.parametrize(("first", "then"), [*itertools.product(("https", "ftp"), SCHEMES)])
async def test_a_mirror_of_another_scheme_goes_on_where_the_first_was_cut(world, tmp_path, first, then):
    """Under a digest no byte comes twice; without one the mirror begins anew."""
    for digest, received in ((digest_of(LARGE), len(LARGE)), (None, len(LARGE) + 2_000_000)):
        cut, good = world.put(first, LARGE, [Cut(2_000_000)]), world.put(then, LARGE)
        async with world.client() as one:
            result = await one.fetch(cut, tmp_path / "file", mirrors=[good], digest=digest)
        assert (result.source, result.attempts) == (good, 2)
        assert result.transferred == received
        assert (tmp_path / "file").read_bytes() == LARGE
        os.unlink(tmp_path / "file")


async def test_a_spoiled_front_of_another_scheme_costs_the_mirror_nothing_but_time(world, tmp_path):
    """The front was wrong, not the mirror: it is asked once more from byte 0."""
    spoiled, good = world.put("https", LARGE, [(Corrupt(5), Cut(2_000_000))]), world.put("ftp", LARGE)
    async with world.client() as one:
        result = await one.fetch(spoiled, tmp_path / "file", mirrors=[good], digest=digest_of(LARGE))
    assert (result.source, result.attempts) == (good, 3)
    assert (tmp_path / "file").read_bytes() == LARGE


# --- what is remembered


async def test_a_host_that_fails_is_asked_last_for_a_while(monkeypatch):
    """One try finds out; those that follow do not pay for it again, until it is forgotten."""
    offset, real = [0.0], time.perf_counter
    monkeypatch.setattr("asyncfetch._client.time.perf_counter", lambda: real() + offset[0])
    dead, alive = MemoryTransport(host="dead"), MemoryTransport(host="alive")
    refused = Raise(ConnectFailed("refused"))
    wishes = [
        Fetch(dead.publish(f"/{n}", SMALL, always=[refused]).url, mirrors=[alive.publish(f"/{n}", SMALL).url])
        for n in range(10)
    ]

    class Both:
        def open(self, request):
            return (dead if request.url.host == "dead" else alive).open(request)

        async def aclose(self):
            pass

    async with client(Both(), retry=Retry(attempts=1)) as one:
        for wish in wishes[:5]:
            assert str((await one.fetch(wish)).source).startswith("memory://alive")
        assert len(dead.requests) == 1
        with pytest.raises(ConnectFailed):
            await one.fetch(wishes[0].url)  # whoever has no other source asks it all the same
        assert len(dead.requests) == 2
        offset[0] = 1_000.0
        for wish in wishes[5:]:
            await one.fetch(wish)
        assert len(dead.requests) == 3
    assert len(alive.requests) == 10


async def test_a_host_that_crawls_is_asked_last():
    now = 0.0
    hosts = Hosts(Gates(Limits(), lambda: now, Retry()), lambda: now, paced=False)
    fast, slow, unknown = Fetch("http://fast/", mirrors=["http://slow/", "http://unknown/"]).sources
    hosts.went_well(fast, 10_000_000, 0.1)
    hosts.went_well(slow, 10_000_000, 5.0)
    hosts.went_well(unknown, 1_000, 5.0)  # too little to tell
    assert hosts.order((slow, fast, unknown), NOTHING, provable=True) == (fast, unknown, slow)
    assert hosts.order((slow, unknown), NOTHING, provable=True) == (unknown, slow)
    now = 1_000.0
    assert hosts.order((slow, fast, unknown), NOTHING, provable=True) == (slow, fast, unknown)


async def test_our_own_rate_is_not_held_against_a_host(tmp_path):
    """And neither is the speed of a disk."""
    far = far_end()
    (tmp_path / "here").write_bytes(LARGE)
    page = far.publish("/page", LARGE)
    async with client(far, limits=Limits(rate=500_000_000)) as one:
        await one.fetch(page.url, tmp_path / "a")
        assert one._around.hosts._board._rates == {}
    async with client(far) as one:
        await one.fetch((tmp_path / "here").as_uri(), tmp_path / "b")
        assert one._around.hosts._board._rates == {}
        await one.fetch(page.url, tmp_path / "c")
        assert list(one._around.hosts._board._rates) == [("memory", "far", None)]


async def test_a_part_that_no_digest_proves_goes_on_where_it_came_from(tmp_path):
    """Whatever the order of the sources: nobody else could go on with it."""
    far = far_end()
    page, mirror = far.publish("/page", LARGE, faults=[Cut(3_000_000)]), far.publish("/mirror", LARGE)
    async with client(far, retry=Retry(attempts=1)) as one:
        with pytest.raises(FetchError):
            await one.fetch(page.url, tmp_path / "file")
        result = await one.fetch(mirror.url, tmp_path / "file", mirrors=[page.url])
    assert [request.offset for request in page.requests] == [0, 3_000_000]
    assert mirror.hits == 0
    assert result.resumed_from == 3_000_000


async def test_a_source_error_of_any_kind_is_answered_by_the_next(tmp_path):
    with HttpServer() as server:
        statuses = [404, 403, 410, 451, 400, 501, 206, 204]
        pages = [server.serve(f"/{status}", always=[Status(status)]).url for status in statuses]
        good = server.serve("/good", MIDDLE)
        async with client() as one:
            result = await one.fetch(pages[0], tmp_path / "file", mirrors=[*pages[1:], good.url])
            await idle(one)
    assert result.source == good.url
    assert result.attempts == len(statuses) + 1


async def test_all_sources_at_once_in_a_batch(world, tmp_path):
    """60 wishes, each with the four schemes in another order and the first of them wrong."""
    orders = list(itertools.permutations(SCHEMES))
    good = {scheme: world.put(scheme, MIDDLE) for scheme in SCHEMES}
    bad = {scheme: world.put(scheme, OTHER) for scheme in SCHEMES}
    wishes = [
        Fetch(bad[order[0]], tmp_path / str(n), mirrors=[good[s] for s in order[1:]], digest=digest_of(MIDDLE))
        for n, order in ((n, orders[n % len(orders)]) for n in range(60))
    ]
    async with world.client() as one:
        with anyio.fail_after(30):
            outcomes = await one.fetch_all(wishes)
        await idle(one)
    assert not [outcome for outcome in outcomes if isinstance(outcome, FetchError)]
    assert all((tmp_path / str(number)).read_bytes() == MIDDLE for number in range(60))


@pytest.mark.parametrize("to", ["file", None])
async def test_a_digest_by_pieces_is_a_digest(tmp_path, to):
    """What a Metalink says of the pieces alone: enough to find out, to go on elsewhere, and to ask for nothing."""
    pieces = [LARGE[at : at + 1_000_000] for at in range(0, len(LARGE), 1_000_000)]
    digest = Digest.of_pieces("sha256", 1_000_000, [hashlib.sha256(piece).hexdigest() for piece in pieces])
    far = far_end()
    bad, cut = (
        far.publish("/bad", LARGE, always=[Corrupt(3_200_000)]),
        far.publish("/cut", LARGE, faults=[Cut(100_000)]),
    )
    good = far.publish("/good", LARGE)
    to = None if to is None else tmp_path / to
    async with client(far) as one:
        result = await one.fetch(bad.url, to, digest=digest, mirrors=[cut.url, good.url])
        assert (result.source, result.digest) == (good.url, digest)
        # on disk the three pieces that were right stay
        assert good.requests[0].offset == (100_000 if to is None else 3_100_000)
        if to is not None:
            again = await one.fetch(bad.url, to, digest=digest)
            assert again.transferred == 0
    assert (result.content if to is None else to.read_bytes()) == LARGE
