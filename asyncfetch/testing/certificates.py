"""Certificates for loopback servers, made on the spot: a private authority, and what TLS clients must refuse.

>>> authority = Authority()
>>> right, old = authority.server_context(), authority.server_context(expired=True)
>>> stranger = authority.server_context("wrong.example")
"""

from __future__ import annotations

import os
import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from typing import Any

HERE = ("localhost", "127.0.0.1", "::1")


class Authority:
    """A certificate authority of its own (trustme), trusted by nobody until you hand ``pem`` or a file to a client."""

    def __init__(self) -> None:
        import trustme

        self._authority = trustme.CA()

    @property
    def pem(self) -> str:
        """The authority's certificate: what a client is to trust."""
        return self._authority.cert_pem.bytes().decode()

    def write(self, path: str | os.PathLike[str]) -> str:
        """Write the authority's certificate to a file and give its path."""
        with open(path, "w", encoding="ascii") as file:
            file.write(self.pem)
        return os.fspath(path)

    def server_context(
        self, *names: str, expired: bool = False, ask_client: bool = False, protocols: tuple[str, ...] = ()
    ) -> ssl.SSLContext:
        """Make a server's TLS context.

        ``names`` are the hosts the certificate is for, this one if none are given. ``expired``: it was valid until
        yesterday. ``ask_client``: clients must show a certificate of this authority. ``protocols``: offered by ALPN.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._issue(*names, expired=expired).configure_cert(context)
        if ask_client:
            context.verify_mode = ssl.CERT_REQUIRED
            self._authority.configure_trust(context)
        if protocols:
            context.set_alpn_protocols(list(protocols))
        return context

    def write_server_certificate(
        self, path: str | os.PathLike[str], *names: str, expired: bool = False, rsa: bool = False
    ) -> str:
        """Write a server's key and certificates to one file and give its path; ``rsa``: for servers of that age."""
        issued = self._issue(*names, expired=expired, rsa=rsa)
        issued.private_key_and_cert_chain_pem.write_to_path(os.fspath(path))
        os.chmod(path, 0o600)
        return os.fspath(path)

    def _issue(self, *names: str, expired: bool = False, rsa: bool = False) -> Any:
        import trustme

        ended = datetime.now(UTC) - timedelta(days=1)
        when: dict[str, Any] = {"not_before": ended - timedelta(days=30), "not_after": ended} if expired else {}
        kind = trustme.KeyType.RSA if rsa else trustme.KeyType.ECDSA
        return self._authority.issue_cert(*(names or HERE), key_type=kind, **when)

    def client_context(self) -> ssl.SSLContext:
        """Make a client's TLS context that trusts this authority and no other."""
        context = ssl.create_default_context(cadata=self.pem)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context

    def write_client_certificate(self, path: str | os.PathLike[str], name: str = "client@testing.example") -> str:
        """Write a client's certificate with its key to one file and give its path."""
        self._authority.issue_cert(name).private_key_and_cert_chain_pem.write_to_path(os.fspath(path))
        return os.fspath(path)


def self_signed_context(*names: str) -> ssl.SSLContext:
    """Make a server's TLS context whose certificate is signed by nobody but itself."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "self-signed")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names or HERE]), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:  # ssl reads certificates from files only
        path = os.path.join(folder, "pair.pem")
        with open(path, "wb") as file:
            file.write(secret + certificate.public_bytes(serialization.Encoding.PEM))
        context.load_cert_chain(path)
    return context


def _general_name(name: str) -> Any:
    from ipaddress import ip_address

    from cryptography import x509

    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
