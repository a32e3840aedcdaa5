"""From a body into a part: the loop fills buffers, a worker thread unpacks, hashes and writes them.

A body stays with its worker, so that everything happens in order; several bodies share the workers. A buffer that a
worker is not done with is the backpressure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from .._disk.buffers import Owner

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._disk.buffers import Buffer
    from .._disk.disk import Disk
    from .._model.exchange import Body
    from ._landing import Landed, Landing

_ENOUGH = 512 * 1024  # bytes that are worth a job


async def pour(body: Body, landing: Landing, disk: Disk, advanced: Callable[[int], None]) -> Landed:
    """Move a body to where it lands. Raises what the body and the landing raise."""
    worker, buffers, owner = disk.hasher(), disk.buffers, Owner()
    ended = False
    try:
        while not ended and landing.error is None:
            buffer = buffers.lend(owner, None)
            if buffer is None:
                await buffers.wait(owner)
                continue
            count = 0
            try:
                while count < _ENOUGH and not ended:
                    came = await body.fill(buffer.view[count:])
                    count += came
                    ended = not came
            finally:
                worker.submit(_job(landing, disk, buffer, count))
                advanced(count)
    finally:
        with anyio.CancelScope(shield=True):  # whoever closes the part must know that nobody writes any more
            await worker.run(_nothing)
    return await worker.run(landing.finish)


def _job(landing: Landing, disk: Disk, buffer: Buffer, count: int) -> Callable[[], None]:
    def job() -> None:
        if count:
            landing.take(buffer.view[:count])
        if disk.buffers.give_back(buffer):
            disk.mailbox.post(disk.buffers.wake)

    return job


def _nothing() -> None:
    """Be the job that comes after all the others."""
