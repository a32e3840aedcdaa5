"""Lanes on both loops they run on, seen to clear up behind themselves."""

import asyncio

import pytest

from asyncfetch import Settings
from asyncfetch._transports.http.wire import WireLane

from .ends import EMPTY, no_context

UVLOOP = ("asyncio", {"use_uvloop": True})
LOOPS = [pytest.param("asyncio", id="asyncio"), pytest.param(UVLOOP, id="uvloop", marks=pytest.mark.every_loop)]


@pytest.fixture(scope="module", params=LOOPS)
def anyio_backend(request):
    """The wire runs on asyncio, and as well on uvloop."""
    return request.param


@pytest.fixture
async def make_lane(anyio_backend):
    """Make lanes; in the end they are closed, and nothing of theirs is left."""
    made = []

    def make(context=None, **settings):
        async def give():
            return context

        settings = Settings(**{"trust_env": False, **settings})
        made.append(WireLane(settings, no_context if context is None else give))
        return made[-1]

    yield make
    for lane in made:
        await lane.aclose()
        assert repr(lane.pool) == EMPTY
        assert not lane.pool._open
    assert [task for task in asyncio.all_tasks() if "asyncfetch" in str(task.get_coro())] == []


@pytest.fixture
def lane(make_lane):
    return make_lane()


@pytest.fixture
def loop():
    """A loop that makes futures, and never runs."""
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()
