"""Whom TLS trusts: one SSLContext a client, from its settings.

Rules: an explicit ``Trust.verify`` wins; else SSL_CERT_FILE and SSL_CERT_DIR, both where both are set, if the
environment is trusted; else the system's own store. On Windows and macOS that store is asked through truststore.
Elsewhere it is the files OpenSSL was built to find, which we load once: truststore would load them again for each
connection, 22 ms on the event loop each time (measured with 0.10.5 on Debian 12), for the same verdicts.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from .._model.errors import MistakeError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ssl import SSLContext

    from .._model.settings import Trust

    Place = str | os.PathLike[str]

# where distributions keep their store, for an OpenSSL built without knowing (python.org's); the list is truststore's
_STORES = (
    "/etc/ssl/cert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/cert.pem",
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/ca-bundle.pem",
)


def tls_context(trust: Trust, *, trust_env: bool, env: Mapping[str, str] | None = None) -> SSLContext:
    """Make the context. It takes 20 ms and more: call it in a thread, once a client.

    Raises MistakeError when a certificate file is missing or cannot be read. ``env`` is the process's unless given.
    """
    import ssl

    if isinstance(trust.verify, ssl.SSLContext):
        if trust.client_cert is not None:
            raise MistakeError("Trust.verify is a context of yours: load the client certificate into it")
        return trust.verify
    if trust.verify is False:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif trust.verify is True:
        context = _from_environment((os.environ if env is None else env) if trust_env else {}) or _from_system()
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        _add(context, "Trust.verify", os.fspath(trust.verify))
    if trust.client_cert is not None:
        _show(context, trust.client_cert)
    return context


def certificate_name(host: str) -> str:
    """Give a host as certificates name it: without the root's dot, and without an IPv6 zone, which is ours alone."""
    return host.partition("%")[0] if ":" in host else host.rstrip(".")


def _from_environment(env: Mapping[str, str]) -> SSLContext | None:
    file, folders = env.get("SSL_CERT_FILE"), env.get("SSL_CERT_DIR")
    if not file and not folders:
        return None
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if file:  # both count, as they do for OpenSSL: a company's file beside the system's folder
        _add(context, "SSL_CERT_FILE", file)
    for folder in (folders or "").split(os.pathsep):
        if folder:
            _add(context, "SSL_CERT_DIR", folder)
    return context


def _from_system() -> SSLContext:
    import ssl

    if sys.platform in {"win32", "darwin"}:
        import truststore

        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # the compiled-in places, by name: set_default_verify_paths would look at the environment, which may not be trusted
    paths = ssl.get_default_verify_paths()
    file = paths.openssl_cafile if os.path.isfile(paths.openssl_cafile) else None
    folder = paths.openssl_capath if _holds_certificates(paths.openssl_capath) else None
    if file is None and folder is None:
        file = next((store for store in _STORES if os.path.isfile(store)), None)
    if file is not None or folder is not None:
        context.load_verify_locations(cafile=file, capath=folder)
    return context


def _holds_certificates(folder: str) -> bool:
    try:
        with os.scandir(folder) as entries:
            return any(len(entry.name) == 10 and entry.name.endswith(".0") for entry in entries)
    except OSError:
        return False


def _add(context: SSLContext, name: str, place: str) -> None:
    """Trust what is at a place, which ``name`` names."""
    try:
        if os.path.isdir(place):
            context.load_verify_locations(capath=place)
        else:
            context.load_verify_locations(cafile=place)
    except (OSError, ValueError) as error:  # SSLError is an OSError
        raise MistakeError(
            f"{name} names no usable certificates at `{place}`: {_why(error)}",
            hint="it takes a PEM file, or a folder that `openssl rehash` has gone over",
        ) from error


def _show(context: SSLContext, certificate: Place | tuple[Place, ...]) -> None:
    """Load the certificate with which we say who we are."""
    file, *more = (certificate,) if isinstance(certificate, str | os.PathLike) else certificate
    key = more[0] if more else None
    # an empty password rather than none: OpenSSL would ask for it on the terminal
    password = os.fspath(more[1]) if len(more) > 1 and more[1] else ""
    try:
        context.load_cert_chain(file, key, password)
    except (OSError, ValueError, TypeError) as error:
        raise MistakeError(f"the client certificate at `{file}` is not usable: {_why(error)}") from error


def _why(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error)
    return text or "no certificate in it"
