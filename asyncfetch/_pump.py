"""The only loop through which bytes pass: from a stream into a sink.

No thread hop, no copy and no task switch of its own: the stream fills the buffer that the sink lends. What arrived is
taken even when the stream fails or the pump is cancelled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._model.errors import Interrupted, ProtocolViolation, SizeMismatch
from ._model.ports import Absorbing

if TYPE_CHECKING:
    from ._gates import Pace
    from ._model.errors import FetchError
    from ._model.exchange import Body
    from ._model.ports import Receiver


class Flow:
    """How far a body has come: counted where bytes pass, read by whoever watches."""

    __slots__ = ("body", "done", "end", "received", "waits")

    stop: int | None = None  # where to leave off although the body goes on: the rest comes another way

    def __init__(self, body: Body, done: int, end: int | None) -> None:
        self.body = body
        self.end = end  # the length of the whole, as announced, else as expected, None if nobody knows
        self.done = done  # bytes of the whole that the sink has
        self.received = 0  # bytes of this body that the sink has
        self.waits = False  # for our disk or our rate, not for the source

    def within(self, landed: int) -> int:
        """Give how many of the bytes that just came are wanted: the stop may have come nearer meanwhile."""
        return landed

    def seen(self) -> int:
        """Bytes of the whole that are here, those in the buffer under way included."""
        return self.done + self.body.landed


async def pump(flow: Flow, sink: Receiver, pace: Pace | None) -> None:
    """Move the body into the sink, to its end, or to where the flow is to stop; that may be moved meanwhile.

    Raises what the body raises; Interrupted when it ends too early, ProtocolViolation or SizeMismatch too late.
    """
    body, size = flow.body, flow.end
    if body.descriptor is not None and body.size is not None and pace is None and isinstance(sink, Absorbing):
        await _absorb(flow, sink, body.descriptor, body.size)
        return
    fill, lend, take = body.fill, sink.lend, sink.take
    while True:
        left = None if size is None else size - flow.done
        # with nothing left to come one more byte is asked for, which must not be there
        view = lend(left or 1 if left is not None else None)
        if view is None:
            flow.waits = True
            await sink.room()
            flow.waits = False
            continue
        if flow.stop is not None:
            view = view[: max(1, flow.stop - flow.done)]
        if pace is not None:
            view = view[: pace.portion]
        count = landed = 0
        try:
            count = landed = await fill(view)
        except Exception:  # what arrived before a failure was given by the fill before
            raise
        except BaseException:  # cancelled: what lies in the buffer is not lost
            landed = body.landed
            raise
        finally:
            if flow.stop is not None:
                landed = flow.within(landed)
            take(landed)
            flow.done += landed
            flow.received += landed
        if pace is not None and count:
            flow.waits = True
            await pace.spend(count)
            flow.waits = False
        if flow.stop is not None and flow.done >= flow.stop:
            return
        if count == 0:
            if body.size is not None and flow.done < body.size:  # a transport should have said so
                raise Interrupted(f"it ended at byte {flow.done} of {body.size}", url=body.url)
            return
        if size is not None and flow.done >= size:
            if flow.done > size:
                raise _too_long(body, size)
            if body.ended:
                return


def _too_long(body: Body, size: int) -> FetchError:
    if body.size is None:
        return SizeMismatch(f"it has more than the {size} bytes that were expected", url=body.url)
    return ProtocolViolation(f"its body is longer than the {size} bytes it announced", url=body.url)


async def _absorb(flow: Flow, sink: Absorbing, descriptor: int, size: int) -> None:
    """Let the kernel copy, where both ends are files."""
    while flow.done < size:
        count = await sink.absorb(descriptor, flow.done, size)
        flow.done += count
        flow.received += count
        flow.body.passed(count)
