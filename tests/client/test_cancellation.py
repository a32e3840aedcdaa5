"""Cancelled at every step there is: nothing wrong is left, nothing is lost, and the next fetch succeeds."""

import gc

import anyio
import pytest

from asyncfetch.testing import Cut, HttpServer
from asyncfetch.testing.torture._steps import cancelled_at

from .scene import LARGE, MIDDLE, SMALL, client, digest_of, far_end, idle, whole_or_nothing

pytestmark = pytest.mark.anyio
MOST = 2_000  # steps: a guard against a harness that never comes to the end


@pytest.mark.parametrize("old", [None, b"what was there"], ids=["new", "replacing"])
@pytest.mark.parametrize(
    ("body", "digested"), [(SMALL, False), (SMALL, True), (LARGE, True)], ids=["small", "digest", "large"]
)
@pytest.mark.descriptors
async def test_cancelling_a_fetch_at_every_step(tmp_path, body, digested, old):
    digest = digest_of(body) if digested else None
    far = far_end()
    resumed = set()
    for number in range(1, MOST):
        folder = tmp_path / str(number)
        folder.mkdir()
        to = folder / "file"
        if old is not None:
            to.write_bytes(old)
        page = far.publish("/page", body)
        async with client(far) as one:
            ended = await cancelled_at(number, lambda: one.fetch(page.url, to, digest=digest))  # noqa: B023 - awaited here
            await idle(one)
            good = whole_or_nothing(folder, body, old=old)
            result = await one.fetch(page.url, to, digest=digest)
            assert to.read_bytes() == body
            assert result.resumed_from in {0, good, len(body) - 1}
            resumed.add(result.resumed_from)
            assert [path.name for path in folder.iterdir()] == ["file"]
        assert far.open_bodies == 0
        if ended:
            break
    else:
        raise AssertionError("it never came to its end")
    assert number > 5, "the harness counted nothing"
    if body is LARGE:
        assert len(resumed) > 2, "no cancellation came while bytes arrived"
    gc.collect()


@pytest.mark.descriptors
async def test_cancelling_client_and_all_at_every_step(tmp_path):
    """The client is entered and left inside what is cancelled; a retry and its pause are among the steps."""
    far = far_end()
    for number in range(1, MOST):
        folder = tmp_path / str(number)
        folder.mkdir()
        page = far.publish("/page", MIDDLE, faults=[Cut(100_000)])

        async def work():
            async with client(far) as one, anyio.create_task_group() as tasks:
                for _ in range(2):
                    tasks.start_soon(one.fetch, page.url, folder / "file")  # noqa: B023 - awaited here

        ended = await cancelled_at(number, work)
        whole_or_nothing(folder, MIDDLE)
        assert far.open_bodies == 0
        if ended:
            break
    else:
        raise AssertionError("it never came to its end")
    assert number > 10


async def test_cancelling_batches_at_every_step(tmp_path):
    far = far_end()
    pages = [far.publish(f"/{number}", SMALL) for number in range(3)]
    for number in range(1, MOST):
        folder = tmp_path / str(number)
        folder.mkdir()
        async with client(far) as one:
            wishes = [asyncfetch_wish(page.url, folder / str(at)) for at, page in enumerate(pages)]
            ended = await cancelled_at(number, lambda: one.fetch_all(wishes + wishes[:1]))  # noqa: B023 - awaited here
            await idle(one)
            results = await one.fetch_all(wishes)
            assert [result.size for result in results] == [len(SMALL)] * 3
        assert {path.name for path in folder.iterdir()} == {"0", "1", "2"}
        if ended:
            break
    else:
        raise AssertionError("it never came to its end")


@pytest.mark.descriptors
async def test_cancelling_a_fetch_over_http_at_every_step(tmp_path):
    """The same over a real connection, where the number of steps is the kernel's to decide."""
    with HttpServer() as server:
        page = server.serve("/page", MIDDLE)
        for number in range(1, 200):
            folder = tmp_path / str(number)
            folder.mkdir()

            async def work():
                async with client() as one:
                    await one.fetch(page.url, folder / "file", digest=page.digest)  # noqa: B023 - awaited here

            ended = await cancelled_at(number, work)
            whole_or_nothing(folder, MIDDLE)
            if ended:
                break
        else:
            raise AssertionError("it never came to its end")
        await anyio.to_thread.run_sync(server.wait_until, lambda: server.open_connections == 0)


@pytest.mark.parametrize("action", ["open", "read", "stat"])
async def test_cancelling_the_other_verbs_at_every_step(action):
    far = far_end()
    page = far.publish("/page", SMALL)

    async def opened(one):
        async with one.open(page.url) as body:
            return b"".join([chunk async for chunk in body.chunks])

    for number in range(1, MOST):
        async with client(far) as one:
            work = opened if action == "open" else lambda one: getattr(one, action)(page.url)
            ended = await cancelled_at(number, lambda: work(one))  # noqa: B023 - awaited here
            await idle(one)
        assert far.open_bodies == 0
        if ended:
            break
    else:
        raise AssertionError("it never came to its end")


def asyncfetch_wish(url, to):
    from asyncfetch import Fetch

    return Fetch(url, to)
