"""Worker threads and the way back: in order, nothing lost, nothing left."""

import threading

import anyio
import pytest

from asyncfetch._disk.disk import Disk
from asyncfetch._disk.threads import Mailbox, Worker

pytestmark = pytest.mark.anyio


@pytest.mark.every_loop
async def test_jobs_run_in_order_and_answer():
    disk = Disk()
    order = []
    results = []

    async def run(number):
        results.append(await disk.writer.run(lambda: order.append(number) or number))

    async with anyio.create_task_group() as tasks:
        for number in range(200):
            tasks.start_soon(run, number)
    assert sorted(results) == list(range(200))
    assert sorted(order) == list(range(200))
    await disk.aclose()


@pytest.mark.parametrize("error", [OSError("x"), KeyError("x"), KeyboardInterrupt()], ids=repr)
async def test_what_a_job_raises_is_raised(error):
    disk = Disk()

    def fail():
        raise error

    with pytest.raises(type(error)):
        await disk.writer.run(fail)
    assert await disk.writer.run(lambda: 5) == 5
    await disk.aclose()


async def test_no_post_is_lost():
    """From many threads at once, with the loop asleep in between: the race of a lost wake-up."""
    mailbox = Mailbox()
    got = []
    done = anyio.Event()

    def post(name):
        for number in range(2_000):
            mailbox.post(lambda value=(name, number): got.append(value))
            if number % 97 == 0:
                threading.Event().wait(0.0005)
        mailbox.post(lambda: got.count(None) or (len(got) >= 8_000 and done.set()))

    threads = [threading.Thread(target=post, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    with anyio.fail_after(20):
        await done.wait()
    for thread in threads:
        thread.join()
    assert len(got) == 8_000
    for name in range(4):
        assert [number for who, number in got if who == name] == list(range(2_000))


async def test_a_cancelled_wait_leaves_the_job_to_end():
    disk = Disk()
    go, ended = threading.Event(), []
    with anyio.move_on_after(0.01) as scope:
        await disk.writer.run(lambda: (go.wait(10), ended.append(1)))
    assert scope.cancelled_caught
    assert not disk.writer.idle or ended == []
    go.set()
    await disk.writer.run(lambda: None)
    assert ended == [1]
    await disk.aclose()


async def test_closing_waits_for_what_is_queued():
    disk = Disk()
    ended = []
    for number in range(50):
        disk.writer.submit(lambda number=number: ended.append(number))
    await disk.aclose()
    assert ended == list(range(50))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("asyncfetch")]


async def test_a_disk_that_is_not_used_starts_nothing():
    before = threading.active_count()
    disk = Disk()
    assert threading.active_count() == before
    await disk.aclose()


async def test_a_brief_job_never_overtakes_one_that_is_waited_for():
    disk = Disk()
    assert await disk.brief(disk.writer, lambda: threading.current_thread().name) == "asyncfetch-write"
    order = []
    go = threading.Event()

    async def slow():
        await disk.writer.run(lambda: (go.wait(10), order.append("slow")))

    async def brief():
        order.append(await disk.brief(disk.writer, lambda: "brief"))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(slow)
        await anyio.sleep(0.005)
        tasks.start_soon(brief)
        await anyio.sleep(0.005)
        assert order == []
        go.set()
    assert order == ["slow", "brief"]
    await disk.aclose()


def test_a_loop_that_is_gone_is_no_error():
    worker = None

    async def main():
        nonlocal worker
        worker = Worker("asyncfetch-test", Mailbox())
        worker.submit(lambda: None)

    anyio.run(main)
    posted = threading.Event()
    worker.submit(lambda: (worker._mailbox.post(lambda: None), posted.set()))
    assert posted.wait(10)
    worker.close().join()
