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
    from ._model.ports import Sink


class Flow:
    """How far a body has come: counted where bytes pass, read by whoever watches."""

    __slots__ = ("body", "done", "end", "received")

    def __init__(self, body: Body, done: int, end: int | None) -> None:
        self.body = body
        self.end = end  # the length of the whole, as announced, else as expected, None if nobody knows
        self.done = done  # bytes of the whole that the sink has
        self.received = 0  # bytes of this body that the sink has

    def seen(self) -> int:
        """Bytes of the whole that are here, those in the buffer under way included."""
        return self.done + self.body.landed


async def pump(flow: Flow, sink: Sink, pace: Pace | None) -> None:
    """Move the body into the sink, to its end.

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
            await sink.room()
            continue
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
            take(landed)
            flow.done += landed
            flow.received += landed
        if count == 0:
            if body.size is not None and flow.done < body.size:  # a transport should have said so
                raise Interrupted(f"it ended at byte {flow.done} of {body.size}", url=body.url)
            return
        if size is not None and flow.done >= size:
            if flow.done > size:
                raise _too_long(body, size)
            if body.ended:
                return
        if pace is not None:
            await pace.spend(count)


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
