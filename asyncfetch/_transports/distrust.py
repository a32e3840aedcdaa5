"""What to say when TLS, or a proxy, is the reason: who was not trusted, why, what stood between, which setting helps.

Every transport speaks of it in these words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .._model.errors import AccessDenied, ConnectFailed, FetchError, Untrusted

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

    from .._model.url import Url

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
_ISSUER = frozenset({18, 19, 20, 21})
# alerts of RFC 8446 section 6.2; older versions of TLS say handshake_failure
_CERTIFICATE_WANTED = ("ALERT_CERTIFICATE_REQUIRED", "ALERT_BAD_CERTIFICATE", "ALERT_UNKNOWN_CA")
_AUTHORITIES = "`Trust(verify=...)` or SSL_CERT_FILE takes the file of the authorities to trust"
_NOBODY = "only `Trust(verify=False)`, which trusts anyone, would accept it"


class Party(NamedTuple):
    """The far end of a handshake: ``host``, reached through ``proxy``; or that proxy itself, if ``is_proxy``."""

    host: str
    proxy: Url | None = None
    is_proxy: bool = False


def explain(error: Exception, party: Party, url: object) -> FetchError:
    """Make an error of the tree of what OpenSSL, or the socket, says of a handshake."""
    who, by = f"`{party.host}`", ""
    if party.is_proxy:
        who = f"the proxy `{party.proxy}`"
    elif party.proxy is not None:
        by = f" (through the proxy `{party.proxy}`)"
    failed = find(error)
    if failed is not None:
        return Untrusted(f"the certificate of {who} {_why(failed)}{by}", url=url, hint=_hint(failed, by))
    reason = getattr(error, "reason", None) or ""
    if reason.endswith(_CERTIFICATE_WANTED):
        return AccessDenied(f"{who} wants a client certificate{by}", url=url, hint="`Trust(client_cert=...)` shows one")
    if reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"):
        return ConnectFailed(f"{who} does not speak TLS on this port{by}", url=url, hint="check scheme and port")
    text = reason.replace("_", " ").lower() or getattr(error, "strerror", None) or str(error)
    return ConnectFailed(f"the TLS handshake with {who} failed{by}: {text}", url=url)


def find(error: BaseException) -> ssl.SSLCertVerificationError | None:
    """Find a failed verification in an error or among its causes."""
    from ssl import SSLCertVerificationError

    # aiohttp wraps it in one that is of the class as well, and knows nothing
    found = [one for one in causes(error) if isinstance(one, SSLCertVerificationError)]
    return next((one for one in found if hasattr(one, "verify_code")), found[0] if found else None)


def causes(error: BaseException) -> Iterator[BaseException]:
    """Walk an error and what it came from, groups included; each once."""
    waiting, seen = [error], set[int]()
    while waiting:
        one = waiting.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        if isinstance(one, BaseExceptionGroup):
            waiting.extend(one.exceptions)
        waiting.extend(cause for cause in (one.__cause__, one.__context__) if cause is not None)


def _why(failed: ssl.SSLCertVerificationError) -> str:
    known = _REASONS.get(getattr(failed, "verify_code", 0))
    return known or f"did not verify: {getattr(failed, 'verify_message', None) or failed}"


def _hint(failed: ssl.SSLCertVerificationError, by: str) -> str:
    if getattr(failed, "verify_code", 0) not in _ISSUER:
        return _NOBODY
    return f"if the proxy inspects TLS, its authority is missing: {_AUTHORITIES}" if by else _AUTHORITIES
