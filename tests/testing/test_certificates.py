"""HttpServer over TLS, and certificates that clients must refuse; the client is ssl itself."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess

import pytest

from asyncfetch.testing import Authority, CloseDelimited, Cut, HttpServer, Pattern, Reset, self_signed_context

GET = b"GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
PATTERN = Pattern(2_000_000)


@pytest.fixture(scope="module")
def authority():
    return Authority()


def talk(server, context, name="localhost"):
    """Give everything the server sends, and how it ended: in order or not."""
    with (
        socket.create_connection((server.host, server.port), timeout=10) as sock,
        context.wrap_socket(sock, server_hostname=name, suppress_ragged_eofs=False) as tls,
    ):
        tls.sendall(GET)
        parts = []
        try:
            while part := tls.recv(1 << 20):
                parts.append(part)
        except ssl.SSLEOFError:
            return b"".join(parts), "ragged"
        return b"".join(parts), "end"


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_https(authority, name):
    with HttpServer(tls=authority) as server:
        resource = server.serve("/a", PATTERN)
        reply, end = talk(server, authority.client_context(), name)
        assert reply.endswith(PATTERN.read())
        assert end == "end"
        assert resource.url.startswith("https://127.0.0.1:")
        assert server.url("/a", host="localhost") == f"https://localhost:{server.port}/a"


def test_breaks_over_tls(authority):
    with HttpServer(tls=authority) as server:
        server.serve("/a", PATTERN, faults=[Cut(1_000), (CloseDelimited(), Cut(1_000)), CloseDelimited()])
        found = [talk(server, authority.client_context()) for _ in range(3)]
        bodies = [len(reply.partition(b"\r\n\r\n")[2]) for reply, _ in found]
        assert bodies == [1_000, 1_000, 2_000_000]
        # what ends without a close_notify was cut, though TCP ended in order
        assert [end for _, end in found] == ["ragged", "ragged", "end"]


def test_a_reset_over_tls_is_one_of_tcp(authority):
    with HttpServer(tls=authority) as server:
        server.serve("/a", PATTERN, faults=[Reset(1_000)])
        with (
            socket.create_connection((server.host, server.port), timeout=10) as sock,
            authority.client_context().wrap_socket(sock, server_hostname="localhost") as tls,
        ):
            tls.sendall(GET)
            with pytest.raises(ConnectionResetError):  # past ssl, which calls this an end too
                while socket.socket.recv(tls, 65536):
                    pass


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda authority: authority.server_context(expired=True), "expired"),
        (lambda authority: authority.server_context("wrong.example"), "mismatch"),
        (lambda authority: self_signed_context(), "self-signed"),
        (lambda authority: Authority().server_context(), "issuer"),
    ],
)
def test_certificates_to_refuse(authority, make, why):
    with HttpServer(tls=make(authority)) as server:
        resource = server.serve("/a", b"secret")
        with pytest.raises(ssl.SSLCertVerificationError, match=why):
            talk(server, authority.client_context())
        assert resource.hits == 0
        server.wait_until(lambda: server.open_connections == 0)


def test_client_certificates(authority, tmp_path):
    with HttpServer(tls=authority.server_context(ask_client=True)) as server:
        server.serve("/a", b"secret")
        context = authority.client_context()
        with pytest.raises(OSError, match=r"certificate required|reset|alert|Broken pipe"):
            talk(server, context)
        context.load_cert_chain(authority.write_client_certificate(tmp_path / "client.pem"))
        assert talk(server, context)[0].endswith(b"secret")


def test_a_client_that_never_shakes_hands_does_not_keep_the_server(authority):
    with HttpServer(tls=authority) as server, socket.create_connection((server.host, server.port)):
        server.wait_until(lambda: server.open_connections == 1)
        server.stop()
        assert server.open_connections == 0


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_agrees(authority, tmp_path):
    ca_file = authority.write(tmp_path / "ca.pem")
    with HttpServer(tls=authority) as server:
        resource = server.serve("/a", PATTERN)
        command = ["curl", "-sSf", "--cacert", ca_file, resource.url]
        assert subprocess.run(command, check=True, timeout=30, capture_output=True).stdout == PATTERN.read()
    with HttpServer(tls=authority.server_context(expired=True)) as server:
        command[-1] = server.url("/a")
        assert subprocess.run(command, check=False, timeout=30, capture_output=True).returncode == 60
