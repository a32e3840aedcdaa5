"""Whom TLS trusts, and what is said when a certificate cannot be used."""

import os
import ssl
import sys

import pytest

from asyncfetch import MistakeError, Trust
from asyncfetch._transports.trust import certificate_name, tls_context
from asyncfetch.testing import Authority


@pytest.fixture(scope="module")
def other():
    return Authority()


def shakes_hands(context, authority, *, client=False):
    """Shake hands in memory; tells whether the client trusted the server."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = context.wrap_bio(to_client, to_server, server_hostname="localhost")
    far = authority.server_context(ask_client=client).wrap_bio(to_server, to_client, server_side=True)
    waiting = [near, far]
    for _ in range(20):
        for end in list(waiting):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError:
                return False
            waiting.remove(end)
    return not waiting


def test_the_system_is_the_default(certificate_authority):
    context = tls_context(Trust(), trust_env=True, env={})
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert not shakes_hands(context, certificate_authority)


@pytest.mark.skipif(sys.platform in {"win32", "darwin"}, reason="there the store is asked, not loaded")
def test_the_store_is_loaded_without_the_environment(monkeypatch, ca_file, certificate_authority):
    monkeypatch.setenv("SSL_CERT_FILE", ca_file)
    assert shakes_hands(tls_context(Trust(), trust_env=True), certificate_authority)
    assert not shakes_hands(tls_context(Trust(), trust_env=False), certificate_authority)


def test_a_file(certificate_authority, other, ca_file):
    context = tls_context(Trust(verify=ca_file), trust_env=True, env={})
    assert shakes_hands(context, certificate_authority)
    assert not shakes_hands(context, other)


def test_a_folder(certificate_authority, other, tmp_path):
    from cryptography import x509

    # OpenSSL finds certificates in a folder by the hash of the subject's name
    certificate_authority.write(tmp_path / "any.pem")
    certificate = x509.load_pem_x509_certificate(certificate_authority.pem.encode())
    from OpenSSL.crypto import X509

    name = f"{X509.from_cryptography(certificate).subject_name_hash():08x}.0"
    (tmp_path / "any.pem").rename(tmp_path / name)
    context = tls_context(Trust(verify=str(tmp_path)), trust_env=True, env={})
    assert shakes_hands(context, certificate_authority)
    assert not shakes_hands(context, other)
    by_name = tls_context(Trust(), trust_env=True, env={"SSL_CERT_DIR": str(tmp_path)})
    assert shakes_hands(by_name, certificate_authority)


def test_the_environment(certificate_authority, other, ca_file, tmp_path):
    env = {"SSL_CERT_FILE": ca_file}
    assert shakes_hands(tls_context(Trust(), trust_env=True, env=env), certificate_authority)
    assert not shakes_hands(tls_context(Trust(), trust_env=False, env=env), certificate_authority)
    explicit = Trust(verify=other.write(tmp_path / "other.pem"))
    assert not shakes_hands(tls_context(explicit, trust_env=True, env=env), certificate_authority)
    assert shakes_hands(tls_context(explicit, trust_env=True, env=env), other)
    # an empty variable is none
    assert not shakes_hands(tls_context(Trust(), trust_env=True, env={"SSL_CERT_FILE": ""}), certificate_authority)


def test_nobody_is_verified_on_request(certificate_authority, ca_file):
    context = tls_context(Trust(verify=False), trust_env=True, env={"SSL_CERT_FILE": "/missing"})
    assert shakes_hands(context, certificate_authority)
    assert context.verify_mode is ssl.CERT_NONE


def test_a_context_of_the_callers(certificate_authority):
    own = certificate_authority.client_context()
    assert tls_context(Trust(verify=own), trust_env=True, env={"SSL_CERT_FILE": "/missing"}) is own
    with pytest.raises(MistakeError):
        tls_context(Trust(verify=own, client_cert="x.pem"), trust_env=True)


def test_a_client_certificate(certificate_authority, ca_file, tmp_path):
    path = certificate_authority.write_client_certificate(tmp_path / "client.pem")
    shown = tls_context(Trust(verify=ca_file, client_cert=path), trust_env=False)
    assert shakes_hands(shown, certificate_authority, client=True)
    split = tls_context(Trust(verify=ca_file, client_cert=(path, path)), trust_env=False)
    assert shakes_hands(split, certificate_authority, client=True)


def test_a_client_certificate_with_a_password(certificate_authority, ca_file, tmp_path):
    from cryptography.hazmat.primitives import serialization

    path = certificate_authority.write_client_certificate(tmp_path / "client.pem")
    key = serialization.load_pem_private_key((tmp_path / "client.pem").read_bytes(), None)
    locked = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"s3cret"),
    )
    (tmp_path / "key.pem").write_bytes(locked)
    pair = path, str(tmp_path / "key.pem")
    shown = tls_context(Trust(verify=ca_file, client_cert=(*pair, "s3cret")), trust_env=False)
    assert shakes_hands(shown, certificate_authority, client=True)
    for wrong in (pair, (*pair, "other-s3cret")):  # without a password nobody is asked at the terminal
        with pytest.raises(MistakeError, match=r"client\.pem") as caught:
            tls_context(Trust(verify=ca_file, client_cert=wrong), trust_env=False)
        assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("what", ["missing", "empty", "garbage"])
def test_files_that_cannot_be_used(tmp_path, what):
    place = tmp_path / "ca.pem"
    if what != "missing":
        place.write_text("" if what == "empty" else "-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n")
    for trust, env, name in (
        (Trust(verify=str(place)), {}, r"Trust\.verify"),
        (Trust(), {"SSL_CERT_FILE": str(place)}, "SSL_CERT_FILE"),
        (Trust(client_cert=str(place)), {}, "client certificate"),
    ):
        with pytest.raises(MistakeError, match=name) as caught:
            tls_context(trust, trust_env=True, env=env)
        assert str(place) in str(caught.value)
        assert caught.value.__cause__ is not None


def test_file_and_folder_of_the_environment_both_count(certificate_authority, other, ca_file, tmp_path):
    """As for OpenSSL: who sets both has a company's file beside the system's folder."""
    from cryptography import x509
    from OpenSSL.crypto import X509

    certificate = X509.from_cryptography(x509.load_pem_x509_certificate(other.pem.encode()))
    other.write(tmp_path / f"{certificate.subject_name_hash():08x}.0")
    env = {"SSL_CERT_FILE": ca_file, "SSL_CERT_DIR": f":{tmp_path}:".replace(":", os.pathsep)}
    context = tls_context(Trust(), trust_env=True, env=env)
    assert shakes_hands(context, certificate_authority)
    assert shakes_hands(context, other)
    with pytest.raises(MistakeError, match="SSL_CERT_DIR names no usable certificates"):
        tls_context(Trust(), trust_env=True, env={**env, "SSL_CERT_DIR": "/missing"})


@pytest.mark.parametrize(
    ("host", "name"),
    [("h.example", "h.example"), ("h.example.", "h.example"), ("fe80::1%eth0", "fe80::1"), ("127.0.0.1", "127.0.0.1")],
)
def test_hosts_as_certificates_name_them(host, name):
    assert certificate_name(host) == name
