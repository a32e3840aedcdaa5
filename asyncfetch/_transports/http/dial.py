"""From a name to a socket: a race between all addresses, and what went wrong in words."""

from __future__ import annotations

import asyncio
import errno
from typing import TYPE_CHECKING

from ..._model.errors import ConnectFailed, TimedOut
from ..race import race

if TYPE_CHECKING:
    import socket

    from ..._model.url import Url
    from .resolve import Resolver

_REASONS = {
    errno.ECONNREFUSED: "connection refused",
    errno.ENETUNREACH: "network unreachable",
    errno.EHOSTUNREACH: "host unreachable",
    errno.ECONNRESET: "connection reset",
    errno.EADDRNOTAVAIL: "no address of that family here",
    errno.EMFILE: "too many open files in this process",
}


async def connect(resolver: Resolver, host: str, port: int, url: Url, *, proxy: Url | None = None) -> socket.socket:
    """Connect to a host, which is that of ``proxy`` if there is one.

    Raises ConnectFailed, or TimedOut when the system itself gave up waiting.
    """
    loop = asyncio.get_running_loop()
    try:
        addresses = await resolver.resolve(host, port)
    except (OSError, UnicodeError) as error:  # UnicodeError: a label too long for the IDNA codec inside getaddrinfo
        why = getattr(error, "strerror", None) or str(error)
        of = f" of the proxy `{proxy}`" if proxy else ""
        raise ConnectFailed(f"the name `{host}`{of} was not resolved: {why}", url=url) from error
    winner, errors = await race(loop, addresses)
    if winner is not None:
        return winner
    resolver.forget(host, port)
    reasons = ", ".join(dict.fromkeys(_reason(error) for error in errors))
    where = f"the proxy `{proxy}`" if proxy else f"host `{host}` port {port}"
    if all(isinstance(error, TimeoutError) for error in errors):
        raise TimedOut(f"{where} did not take the connection", url=url) from errors[0]
    raise ConnectFailed(f"{where}: {reasons}", url=url) from errors[0]


def _reason(error: OSError) -> str:
    return _REASONS.get(error.errno or 0) or error.strerror or str(error)
