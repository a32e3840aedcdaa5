"""Asking a name server, which may be silent.

Such a question cannot be taken back. It is therefore asked in a thread of our own that nobody waits for at the end,
neither the event loop nor the interpreter: in the loop's own executor it would delay both, by half a minute with
glibc's defaults.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable


def ask_aside(
    loop: asyncio.AbstractEventLoop, host: str, port: int, then: Callable[[], object] | None = None
) -> asyncio.Future[list[Any]]:
    """Call getaddrinfo in a thread that nobody has to wait for; ``then`` is called on the loop when it has ended."""
    answer: asyncio.Future[list[Any]] = loop.create_future()

    def settle(found: list[Any] | None, error: Exception | None) -> None:
        if then is not None:
            then()
        if answer.done():  # who asked was cancelled
            return
        if error is None:
            answer.set_result(found or [])
        else:
            answer.set_exception(error)

    def ask() -> None:
        found, failed = None, None
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except Exception as error:  # noqa: BLE001 - raised again where it was asked for
            failed = error
        with suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(settle, found, failed)

    threading.Thread(target=ask, name="asyncfetch-name", daemon=True).start()
    return answer
