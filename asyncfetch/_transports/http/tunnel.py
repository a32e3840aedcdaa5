"""A tunnel through an HTTP proxy: CONNECT (RFC 9110 section 9.3.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..._model.errors import AccessDenied, Busy, ConnectFailed, FetchError, Interrupted, ProtocolViolation
from ..proxies import PROXY_CREDENTIALS
from .route import proxy_authorization

if TYPE_CHECKING:
    import asyncio

    from ..._model.url import Url
    from .connection import Connection
    from .route import Route


_DIRECTLY = "whoever runs it knows why; NO_PROXY or Proxies(no_proxy=...) names hosts that are reached directly"


async def open_tunnel(connection: Connection, route: Route, url: Url) -> asyncio.Transport:
    """Ask the proxy at the other end for a tunnel to the route's host; give the transport that leads through it.

    Raises AccessDenied (401, 403 and 407), Busy (429, 503), ConnectFailed, Interrupted and ProtocolViolation.
    """
    proxy = route.proxy
    assert proxy is not None
    # a zone means something on this machine only (RFC 6874 section 4)
    host = f"[{route.host.partition('%')[0]}]" if ":" in route.host else route.host
    place = f"{host}:{route.port}"
    request = f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n{proxy_authorization(proxy)}\r\n"
    try:
        if connection.usable:
            await connection.ask(request.encode("ascii"), url, bodiless=True)
        head = connection.head
        if connection.error is not None or head is None:
            cause = connection.error
            if isinstance(cause, ProtocolViolation):
                raise cause
            raise Interrupted(f"the proxy `{proxy}` closed the connection", url=url) from cause
        if not 200 <= head.status < 300:
            raise refusal(head.status, head.headers, proxy, url)
        return connection.hand_over()
    except BaseException:
        connection.drop()
        raise


def refusal(status: int, headers: list[tuple[str, str]], proxy: Url, url: Url) -> FetchError:
    """Say what a proxy means that does not lead there."""
    if status in (401, 407):  # tinyproxy 1.11 says 401 to credentials that are wrong
        return AccessDenied(
            f"the proxy `{proxy}` wants other credentials"
            if proxy.userinfo
            else f"the proxy `{proxy}` wants credentials",
            url=url,
            status=status,
            hint=PROXY_CREDENTIALS,
        )
    if status == 403:
        return AccessDenied(f"the proxy `{proxy}` does not allow it", url=url, status=status, hint=_DIRECTLY)
    if status in (429, 503):
        after = next((value for name, value in headers if name == "retry-after"), "")
        seconds = float(after) if after.isascii() and after.isdigit() else None
        return Busy(f"the proxy `{proxy}` answered {status}", url=url, status=status, retry_after=seconds)
    return ConnectFailed(
        f"the proxy `{proxy}` answered {status} when asked for a tunnel", url=url, status=status, hint=_DIRECTLY
    )
