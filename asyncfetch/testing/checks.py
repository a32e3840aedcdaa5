"""Conformance checks: the rules of Transport and Sink as functions that any implementer can call, without pytest.

>>> import anyio
>>> from contextlib import asynccontextmanager
>>> from asyncfetch.testing import MemoryFarEnd, MemoryTransport, check_transport
>>> @asynccontextmanager
... async def maker():
...     transport = MemoryTransport()
...     yield transport, MemoryFarEnd(transport)
>>> anyio.run(check_transport, maker)

Each rule is one function of `_transport_rules`, `_body_rules` or `_sink_rules`; its docstring is the rule. A rule that
does not hold raises AssertionError, which names the rule and says what happened. The rules run one after the other,
each within ten seconds, on the event loop of the caller.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import anyio

from .._model.errors import FetchError
from . import _body_rules, _sink_rules, _transport_rules

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from .._model.digest import Digest
    from .._model.ports import Sink, Transport
    from .far_ends import FarEnd

    TransportMaker = Callable[[], AbstractAsyncContextManager[tuple[Transport, FarEnd]]]

_PATIENCE = 10.0  # seconds for one rule: far more than any needs, far less than a test's limit


class NearEnd(Protocol):
    """Where a test finds what sinks have written.

    ``keeps`` says that what arrived outlives its sink, so that a later sink for the same name holds it.
    """

    keeps: bool

    def sink(self, name: str, digests: tuple[Digest, ...] = ()) -> Sink:
        """Make a sink for the destination of this name, with the digests that the wish requires."""

    def visible(self, name: str) -> bytes | None:
        """Give what users see at the destination; None for nothing."""


async def check_transport(maker: TransportMaker) -> None:
    """Run the rules of a Transport against a far end; raises AssertionError for the first that does not hold.

    ``maker()`` is an async context manager that gives a fresh transport and its `FarEnd`. It is called twice: the
    rules about closing have their own. The maker may close the transport on leaving; closing twice is allowed.
    """
    for rules in ((*_transport_rules.RULES, *_body_rules.RULES), _transport_rules.CLOSING):
        async with maker() as (transport, far_end):
            for rule in rules:
                await _hold(rule, (transport, far_end))


async def check_sink(maker: Callable[[], AbstractAsyncContextManager[NearEnd]]) -> None:
    """Run the rules of a Sink; raises AssertionError for the first that does not hold.

    ``maker()`` is an async context manager that gives a `NearEnd`, which makes sinks.
    """
    async with maker() as near_end:
        for rule in _sink_rules.RULES:
            await _hold(rule, (near_end,))


async def _hold(rule: Callable[..., Awaitable[None]], subject: tuple[object, ...]) -> None:
    """Run one rule; whatever it raises becomes an AssertionError that names it."""
    name = rule.__name__
    try:
        with anyio.move_on_after(_PATIENCE) as scope:
            await rule(*subject)
    except Exception as raised:  # noqa: BLE001 - a rule's failure may be any; it is raised again, named
        error = raised
        while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]
        if isinstance(error, AssertionError):
            raise AssertionError(f"{name}: {error}") from error  # noqa: TRY004 - no type is checked, a failure is named
        kind = "it failed, where it should not" if isinstance(error, FetchError) else "it raised what is no FetchError"
        raise AssertionError(f"{name}: {kind}: {error!r}") from error
    if scope.cancelled_caught:
        raise AssertionError(f"{name}: it did not end within {_PATIENCE:g} s")
