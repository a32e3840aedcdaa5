"""Cancel a piece of work at its n-th step, for every n: each resumption of any task is a step.

On trio an instrument counts them; on asyncio every task is made with a coroutine that counts.
"""

from types import coroutine

import anyio


class _Counter:
    def __init__(self, at):
        self.at = at
        self.count = 0
        self.scope = None

    def step(self):
        if self.scope is not None:
            self.count += 1
            if self.count == self.at:
                self.scope.cancel()

    def before_task_step(self, task):  # trio's name for it
        self.step()


@coroutine
def _counted(inner, counter):
    value, error = None, None
    while True:
        counter.step()
        try:
            awaited = inner.send(value) if error is None else inner.throw(error)
        except StopIteration as stop:
            return stop.value
        try:
            value, error = (yield awaited), None
        except BaseException as raised:
            value, error = None, raised


async def _as_coroutine(inner, counter):
    try:
        return await _counted(inner, counter)
    finally:
        inner.close()


async def cancelled_at(number, work):
    """Run ``work`` and cancel it at its step ``number``; True if it came to its end before."""
    counter = _Counter(number)
    ended = False
    if _on_asyncio():
        import asyncio

        loop = asyncio.get_running_loop()
        loop.set_task_factory(lambda loop, coro, **more: asyncio.Task(_as_coroutine(coro, counter), loop=loop, **more))
        undo = lambda: loop.set_task_factory(None)  # noqa: E731 - one of two
    else:
        import trio

        trio.lowlevel.add_instrument(counter)
        undo = lambda: trio.lowlevel.remove_instrument(counter)  # noqa: E731 - the other

    async def cancellable():
        nonlocal ended
        with anyio.CancelScope() as counter.scope:
            await work()
            ended = True
        counter.scope = None

    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(cancellable)
    finally:
        undo()
    return ended


def _on_asyncio():
    import asyncio

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
