"""The order in which a batch is carried out where sizes are known."""

import threading
from contextlib import aclosing

import anyio
import pytest

from asyncfetch import Fetch, Limits
from asyncfetch.testing import Hold, MemoryTransport, Pattern

from .scene import SMALL, client, far_end, idle

pytestmark = pytest.mark.anyio
MIB = 1024 * 1024
SIZES = [10, MIB, 5, 3 * MIB, 2 * MIB, 3 * MIB, 7]


@pytest.mark.parametrize("kind", ["list", "iterator", "async"])
async def test_the_largest_known_go_first_where_all_are_here_already(tmp_path, kind):
    """The order of the outcomes is that of the wishes; what an iterator has not given yet is not waited for."""
    far = far_end()
    pages = [far.publish(f"/{number}", Pattern(size, seed=number)) for number, size in enumerate(SIZES)]
    wishes = [Fetch(page.url, f"{tmp_path}/", size=size) for page, size in zip(pages, SIZES, strict=True)]
    wishes.append(pages[0].url)

    async def slowly():
        for wish in wishes:
            yield wish

    async with client(far, limits=Limits(total=1, per_host=1)) as one:
        given = {"list": wishes, "iterator": iter(wishes), "async": slowly()}[kind]
        if kind == "async":
            outcomes = [outcome async for outcome in one.as_fetched(given)]
            assert sorted(outcome.size for outcome in outcomes) == sorted([*SIZES, 10])
        else:
            outcomes = await one.fetch_all(given)
            assert [outcome.size for outcome in outcomes] == [*SIZES, 10]
        await idle(one)
    order = [int(request.url.path[1:]) for request in far.requests]
    assert sorted(order) == [0, 0, 1, 2, 3, 4, 5, 6]
    if kind == "list":
        assert order == [3, 5, 4, 1, 0, 2, 6, 0]
    else:
        assert order[0] == 0


async def test_the_large_ones_of_one_host_do_not_hold_up_the_small_ones_of_another(tmp_path):
    """More large ones than may be set aside come first in the list, and none of them ends."""
    go = threading.Event()
    large, small = MemoryTransport(host="large"), MemoryTransport(host="small")
    stuck = large.publish("/x", Pattern(MIB), always=[Hold(go)])
    quick = [small.publish(f"/{number}", SMALL) for number in range(50)]

    class Both:
        def open(self, request):
            return (large if request.url.host == "large" else small).open(request)

        async def aclose(self):
            pass

    wishes = [Fetch(stuck.url, tmp_path / str(number), size=MIB) for number in range(600)]
    wishes += [Fetch(page.url, size=len(SMALL)) for page in quick]
    async with client(Both(), limits=Limits(total=4, per_host=2)) as one:
        with anyio.fail_after(10):
            async with aclosing(one.as_fetched(wishes)) as outcomes:
                seen = [(await anext(outcomes)).source for _ in quick]
        await idle(one)
    assert {str(url) for url in seen} == {page.url for page in quick}
    assert stuck.hits <= 2
