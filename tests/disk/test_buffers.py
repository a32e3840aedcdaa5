"""Buffers: bounded, shared fairly, never starved, and handed back from any thread."""

import threading

import anyio
import pytest

from asyncfetch._disk.buffers import LARGE, SMALL, Buffers, Owner

pytestmark = pytest.mark.anyio


async def test_the_bound_holds_beyond_the_first_of_each():
    buffers = Buffers(4 * LARGE)
    greedy, modest = Owner(), Owner()
    held = [buffers.lend(greedy, None) for _ in range(4)]
    assert all(held)
    assert buffers.lend(greedy, None) is None
    first = buffers.lend(modest, None)
    assert first is not None, "who has none always gets one"
    assert buffers.lend(modest, None) is None
    for buffer in (*held, first):
        buffers.give_back(buffer)
    assert buffers.lend(greedy, None) is not None
    assert buffers._lent == 1


@pytest.mark.parametrize(("hint", "size"), [(None, LARGE), (0, SMALL), (1, SMALL), (SMALL, SMALL), (SMALL + 1, LARGE)])
async def test_small_ones_for_small_bodies(hint, size):
    buffers = Buffers(2 * LARGE)
    assert len(buffers.lend(Owner(), hint).view) == size


async def test_they_are_used_again():
    buffers = Buffers(4 * LARGE)
    seen = set()
    for _ in range(20):
        buffer = buffers.lend(Owner(), None)
        seen.add(id(buffer))
        buffers.give_back(buffer)
    assert len(seen) == 1


async def test_who_waits_is_woken_by_a_thread():
    buffers = Buffers(2 * LARGE)
    owner = Owner()
    held = [buffers.lend(owner, None) for _ in range(2)]
    await buffers.wait(Owner())  # who has none never waits
    woken = []

    async def wait():
        await buffers.wait(owner)
        woken.append(True)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait)
        await anyio.sleep(0.005)
        assert not woken
        must_wake = []
        thread = threading.Thread(target=lambda: must_wake.append(buffers.give_back(held[0])))
        thread.start()
        thread.join()
        assert must_wake == [True]
        buffers.wake()
    assert woken == [True]
    assert buffers.give_back(held[1]) is False, "nobody waits now"


async def test_one_that_came_back_before_it_was_awaited():
    buffers = Buffers(2 * LARGE)
    owner = Owner()
    held = [buffers.lend(owner, None) for _ in range(2)]
    buffers.give_back(held[0])
    with anyio.fail_after(1):
        await buffers.wait(owner)
