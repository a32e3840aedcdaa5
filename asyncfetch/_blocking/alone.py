"""The blocking form of a coroutine function that has no client of the caller's: a thread and a loop for one call."""

from __future__ import annotations

import functools
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from .call import GRACE
from .thread import LoopThread

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

P = ParamSpec("P")
T = TypeVar("T")


def by_itself(function: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """Make the blocking form of a function that has a client of its own."""

    @functools.wraps(function)
    def blocking(*arguments: P.args, **named: P.kwargs) -> T:
        thread = LoopThread(nullcontext(), "asyncfetch sync")
        thread.start()
        try:
            result = thread.call(function, *arguments, **named)
        except BaseException as error:
            thread.close(patience(error))
            raise
        thread.close()
        return result

    return blocking


def patience(error: BaseException | None) -> float | None:
    """Say how long to wait for the thread: who pressed Ctrl-C does not wait for a name server or a slow disk."""
    return GRACE if isinstance(error, KeyboardInterrupt) else None
