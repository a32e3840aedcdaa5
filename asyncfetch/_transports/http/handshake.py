"""The TLS handshake, and what went wrong in it in words."""

from __future__ import annotations

import ssl
from functools import partial
from typing import TYPE_CHECKING

from ..._model.errors import AccessDenied, ConnectFailed, FetchError, MistakeError, Untrusted
from .tls import Tls

if TYPE_CHECKING:
    import asyncio

    from ..._model.url import Url

# OpenSSL's X509_V_ERR_ numbers (x509_vfy.h)
_REASONS = {
    9: "is not valid yet",
    10: "has expired",
    18: "is self-signed",
    19: "was issued by an authority that is not trusted",
    20: "was issued by an authority that is not trusted",
    21: "was issued by an authority that is not trusted",
    23: "was revoked",
    62: "is for another host",
    64: "is for another address",
}
# alerts of RFC 8446 section 6.2; older versions of TLS say handshake_failure
_CERTIFICATE_WANTED = ("ALERT_CERTIFICATE_REQUIRED", "ALERT_BAD_CERTIFICATE", "ALERT_UNKNOWN_CA")
_ISSUER = frozenset({18, 19, 20, 21})


def begin(loop: asyncio.AbstractEventLoop, context: ssl.SSLContext, host: str, encrypted: memoryview, url: Url) -> Tls:
    """Make the client's end of TLS with a host: a name, in its ASCII form, or an address."""
    try:
        # the root's dot is no part of a certificate's names
        return Tls(loop, context, host.rstrip("."), encrypted, partial(_explain_late, host, url))
    except ValueError as error:
        raise MistakeError(f"`{host}` cannot be the name of a TLS server: {error}", url=url) from error


async def finish(tls: Tls, host: str, url: Url) -> None:
    """Wait for the end of the handshake. Raises Untrusted, AccessDenied and ConnectFailed; then it is closed."""
    try:
        await tls.ready
    except BaseException:
        tls.abort()
        raise
    if tls.failure is not None:
        tls.close()  # lets the alert out
        tls.abort()
        raise explain(tls.failure, host, url) from tls.failure


def explain(error: Exception, host: str, url: object) -> FetchError:
    """Make an error of the tree of what OpenSSL, or the socket, says."""
    if isinstance(error, ssl.SSLCertVerificationError):
        code = error.verify_code
        why = _REASONS.get(code) or f"did not verify: {error.verify_message or error.reason or error}"
        hint = (
            "`Trust(verify=...)` takes the file or folder of the authorities to trust"
            if code in _ISSUER
            else "only `Trust(verify=False)`, which trusts anyone, would accept it"
        )
        return Untrusted(f"the certificate of `{host}` {why}", url=url, hint=hint)
    reason = getattr(error, "reason", None) or ""
    if reason.endswith(_CERTIFICATE_WANTED):
        return AccessDenied(f"`{host}` wants a client certificate", url=url, hint="`Trust(client_cert=...)` shows one")
    if reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"):
        return ConnectFailed(f"`{host}` does not speak TLS on this port", url=url)
    text = reason.replace("_", " ").lower() or getattr(error, "strerror", None) or str(error)
    return ConnectFailed(f"the TLS handshake with `{host}` failed: {text}", url=url)


def _explain_late(host: str, url: Url, error: ssl.SSLError) -> Exception:
    """In TLS 1.3 a server judges the client's certificate when the handshake is over for us; the rest is for others."""
    judged = explain(error, host, url)
    if isinstance(judged, AccessDenied):
        judged.__cause__ = error
        return judged
    return error
