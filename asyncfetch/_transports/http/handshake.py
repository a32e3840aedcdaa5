"""The TLS handshake, and what went wrong in it in words."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ..._model.errors import AccessDenied, MistakeError
from ..distrust import explain
from ..trust import certificate_name
from .tls import Tls

if TYPE_CHECKING:
    import asyncio
    import ssl

    from ..._model.url import Url
    from ..distrust import Party


def begin(
    loop: asyncio.AbstractEventLoop,
    context: ssl.SSLContext,
    party: Party,
    encrypted: memoryview,
    url: Url,
) -> Tls:
    """Make the client's end of TLS with a host: a name, in its ASCII form, or an address."""
    try:
        return Tls(loop, context, certificate_name(party.host), encrypted, partial(_explain_late, party, url))
    except ValueError as error:
        raise MistakeError(f"`{party.host}` cannot be the name of a TLS server: {error}", url=url) from error


async def finish(tls: Tls, party: Party, url: Url) -> None:
    """Wait for the end of the handshake. Raises Untrusted, AccessDenied and ConnectFailed; then it is closed."""
    try:
        await tls.ready
    except BaseException:
        tls.abort()
        raise
    if tls.failure is not None:
        tls.close()  # lets the alert out
        tls.abort()
        raise explain(tls.failure, party, url) from tls.failure


def _explain_late(party: Party, url: Url, error: ssl.SSLError) -> Exception:
    """In TLS 1.3 a server judges the client's certificate when the handshake is over for us; the rest is for others."""
    judged = explain(error, party, url)
    if isinstance(judged, AccessDenied):
        judged.__cause__ = error
        return judged
    return error
