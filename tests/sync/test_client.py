"""What the async client does, from threads: results, errors, batches, listings."""

import gc
import threading

import anyio
import pytest

from asyncfetch import (
    Fetch,
    FetchError,
    Finished,
    Limits,
    MistakeError,
    NotFound,
    Result,
    Retry,
    Settings,
    TooLarge,
    sync,
)
from asyncfetch.testing import Cut, Hold, MemoryTransport, Pattern, Status

SETTINGS = Settings(trust_env=False, retry=Retry(backoff=0.0))
DATA = Pattern(300_000, seed=5).read()


@pytest.fixture
def far():
    return MemoryTransport()


@pytest.fixture
def client(far):
    with sync.Client(settings=SETTINGS, transports={"memory": far}) as client:
        yield client


def ours():
    return [one.name for one in threading.enumerate() if one.name.startswith("asyncfetch")]


# --- one at a time


def test_a_file_and_its_result(client, far, tmp_path):
    a = far.publish("/a", DATA, faults=[Cut(100_000)])
    result = client.fetch(a.url, tmp_path / "a")
    assert (result.size, result.attempts, (tmp_path / "a").read_bytes()) == (len(DATA), 2, DATA)
    assert client.fetch(Fetch(a.url)).content == DATA


def test_bytes_and_what_is_known_of_them(client, far):
    a = far.publish("/a", DATA)
    assert client.read(a.url) == DATA
    assert client.stat(a.url).size == len(DATA)
    with pytest.raises(TooLarge):
        client.read(a.url, limit=10)


def test_errors_are_the_same(client, far):
    with pytest.raises(NotFound, match="found nothing at `memory://far/none`"):
        client.fetch(far.url("/none"))
    with pytest.raises(MistakeError, match="the size is a number of bytes"):
        client.fetch(far.url("/none"), size=-1)


def test_an_observer_hears_and_must_not_call_back(far):
    heard, refused = [], []

    def observer(event):
        heard.append(type(event))
        try:
            client.read(far.url("/a"))
        except MistakeError as error:
            refused.append(str(error))

    far.publish("/a", b"a")
    with sync.Client(settings=SETTINGS, transports={"memory": far}, observer=observer) as client:
        client.fetch(far.url("/a"))
    assert Finished in heard
    assert all("own event loop" in one for one in refused)
    assert len(refused) == len(heard)


# --- many


def test_all_in_order_and_one_failure_ends_no_other(client, far):
    a, b = far.publish("/a", b"a"), far.publish("/b", b"b")
    first, second, third = client.fetch_all(iter([a.url, far.url("/none"), Fetch(b.url)]))
    assert (first.content, third.content) == (b"a", b"b")
    assert isinstance(second, NotFound)


def test_as_they_come_and_any_number(client, far):
    for number in range(500):
        far.publish(f"/{number}", b"%d" % number)
    contents = {outcome.content for outcome in client.as_fetched(far.url(f"/{n}") for n in range(500))}
    assert contents == {b"%d" % number for number in range(500)}
    assert list(client.as_fetched([])) == []


def test_wishes_are_made_in_the_thread_that_iterates_and_may_use_the_client(client, far):
    far.publish("/index", b"0 1 2 3")
    for number in range(4):
        far.publish(f"/{number}", b"%d" % number)
    made_in = set()

    def wishes():
        for number in client.read(far.url("/index")).split():
            made_in.add(threading.get_ident())
            yield far.url(f"/{int(number)}")
            client.stat(far.url("/0"))

    assert sorted(one.content for one in client.as_fetched(wishes())) == [b"0", b"1", b"2", b"3"]
    assert [one.content for one in client.fetch_all(wishes())] == [b"0", b"1", b"2", b"3"]
    assert made_in == {threading.get_ident()}


def test_wishes_are_taken_as_far_as_there_are_places_for_them(far):
    for number in range(100):
        far.publish(f"/{number}", b"x")
    taken = []

    def wishes():
        for number in range(100):
            taken.append(number)
            yield far.url(f"/{number}")

    settings = Settings(trust_env=False, limits=Limits(total=2))
    with sync.Client(settings=settings, transports={"memory": far}) as client:
        outcomes = client.as_fetched(wishes())
        for number, _ in enumerate(outcomes, 1):
            # two wait to be fetched, two places have one each, four outcomes wait, and the two that were just taken
            assert len(taken) <= number + 10
        assert len(taken) == number == 100


def test_a_generator_that_fails_fails_where_it_is_iterated(client, far):
    far.publish("/a", b"a")

    def wishes():
        yield far.url("/a")
        raise LookupError("of the caller")

    with pytest.raises(LookupError, match="of the caller"):
        list(client.as_fetched(wishes()))
    assert client.read(far.url("/a")) == b"a"


def test_a_batch_that_is_abandoned_ends_its_fetches(client, far):
    far.publish("/a", b"a")
    held = far.publish("/b", b"b", faults=[Hold()])
    outcomes = client.as_fetched([held.url, far.url("/a")])  # the one that is held begins first
    assert next(outcomes).content == b"a"
    outcomes.close()
    assert (held.hits, far.open_bodies) == (1, 0)
    assert client.read(held.url) == b"b"


def test_a_lone_url_is_no_list_of_wishes(client):
    with pytest.raises(MistakeError, match="not str; for one alone there is `fetch`"):
        client.fetch_all("memory://far/a")
    with pytest.raises(MistakeError, match="not str; for one alone there is `fetch`"):
        next(client.as_fetched("memory://far/a"))


def test_an_async_iterable_is_for_the_async_client(client):
    async def wishes():
        yield "memory://far/a"

    with pytest.raises(MistakeError, match="async iterable"):
        next(client.as_fetched(wishes()))


def test_a_listing_to_its_end_or_left_early(client, tmp_path):
    for number in range(30):
        (tmp_path / f"{number:02}").write_bytes(b"x" * number)
    entries = list(client.list(f"file://{tmp_path}/"))
    assert [(entry.name, entry.size) for entry in entries] == [(f"{n:02}", n) for n in range(30)]
    listing = client.list(f"file://{tmp_path}/")
    assert next(listing).name == "00"
    listing.close()
    with pytest.raises(NotFound):
        next(client.list(f"file://{tmp_path}/none/"))


# --- one-shot


def test_one_shot_forms(http_server, tmp_path):
    a = http_server.serve("/a", DATA, faults=[None, Status(404)])
    settings = SETTINGS
    assert sync.fetch(a.url, tmp_path / "a", settings=settings, digest=a.digest).size == len(DATA)
    with pytest.raises(NotFound):
        sync.read(a.url, settings=settings)
    assert sync.read(a.url, settings=settings, limit=len(DATA)) == DATA
    one, two = sync.fetch_all((url for url in [a.url, http_server.url("/none")]), settings=settings)
    assert isinstance(one, Result)
    assert isinstance(two, FetchError)
    assert ours() == []


# --- life


def test_a_client_needs_no_with_but_can_be_closed(far):
    far.publish("/a", b"a")
    client = sync.Client(settings=SETTINGS, transports={"memory": far})
    assert ours() == []
    assert client.read(far.url("/a")) == b"a"
    assert ours()
    client.close()
    client.close()
    assert ours() == []
    with pytest.raises(MistakeError, match="closed; make a new one"):
        client.read(far.url("/a"))
    with pytest.raises(MistakeError, match="closed; make a new one"):
        next(client.list("file:///"))


def test_a_client_that_was_never_used_starts_nothing():
    client = sync.Client(settings=SETTINGS)
    client.close()
    with pytest.raises(MistakeError, match="closed"):
        client.read("file:///a")
    assert ours() == []


def test_settings_that_are_none_are_refused_at_once():
    with pytest.raises(MistakeError, match="settings are"):
        sync.Client(settings={"retry": 3})


def test_closing_ends_what_other_threads_wait_for(far):
    held = far.publish("/a", b"a", always=[Hold()])
    ended = []

    def wait():
        try:
            client.fetch(held.url)
        except MistakeError as error:
            ended.append(error.reason)

    with sync.Client(settings=SETTINGS, transports={"memory": far}) as client:
        client.stat(far.publish("/b", b"").url)
        threads = [threading.Thread(target=wait) for _ in range(4)]
        for thread in threads:
            thread.start()
        while len([one for one in far.requests if one.url == held.url]) < 1:
            client.stat(far.url("/b"))
    for thread in threads:
        thread.join(5)
        assert not thread.is_alive()
    assert len(ended) == 4
    assert all("closed" in reason for reason in ended)


def test_a_client_that_is_dropped_ends_its_thread(far):
    far.publish("/a", b"a")
    client = sync.Client(settings=SETTINGS, transports={"memory": far})
    client.read(far.url("/a"))
    (thread,) = [one for one in threading.enumerate() if one.name == "asyncfetch sync client"]
    del client
    gc.collect()
    thread.join(5)
    assert not thread.is_alive()


# --- many threads, and threads that run loops


def test_sixteen_threads_on_one_client(far, tmp_path):
    for number in range(160):
        far.publish(f"/{number}", b"%d" % number)
    found, trouble = {}, []
    start = threading.Barrier(16)

    def work(first):
        start.wait()
        try:
            for number in range(first, 160, 16):
                client.fetch(far.url(f"/{number}"), tmp_path / str(number))
                found[number] = client.read(far.url(f"/{number}"))
        except BaseException as error:
            trouble.append(error)

    with sync.Client(settings=SETTINGS, transports={"memory": far}) as client:
        threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert trouble == []
    assert found == {number: b"%d" % number for number in range(160)}
    assert all((tmp_path / str(number)).read_bytes() == b"%d" % number for number in range(160))


@pytest.mark.anyio
@pytest.mark.every_loop
async def test_inside_a_running_loop_as_in_a_notebook(far, tmp_path):
    a = far.publish("/a", DATA)
    with sync.Client(settings=SETTINGS, transports={"memory": far}) as client:
        assert client.fetch(a.url, tmp_path / "a").size == len(DATA)
        with client.open(a.url) as body:
            assert body.read() == DATA
        assert [one.content for one in client.as_fetched([a.url])] == [DATA]
        assert await anyio.to_thread.run_sync(client.read, a.url) == DATA
    assert sync.read(f"file://{tmp_path}/a", settings=SETTINGS) == DATA
