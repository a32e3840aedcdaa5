"""FtpServer: what it serves, counts, and does on cue; asked by the standard library's client."""

from __future__ import annotations

import ftplib
import ssl
import threading
from contextlib import closing, contextmanager

import pytest

from asyncfetch.testing import Cut, FtpServer, Reset, Stall, Throttle

DATA = bytes(range(256)) * 1_000


@contextmanager
def client(server, *, tls=None):
    one = ftplib.FTP(timeout=5) if tls is None else ftplib.FTP_TLS(timeout=5, context=tls.client_context())
    with closing(one):
        one.connect(server.host, server.port)
        one.login()
        if tls is not None:
            one.prot_p()
        yield one


def retrieve(one, name, rest=None):
    data = bytearray()
    one.retrbinary(f"RETR {name}", data.extend, rest=rest)
    return bytes(data)


def test_it_serves_and_counts(ftp_server):
    file = ftp_server.serve("d/a b.txt", DATA, modified=1_600_000_000)
    assert file.url == f"ftp://127.0.0.1:{ftp_server.port}/d/a%20b.txt"
    with client(ftp_server) as one:
        assert retrieve(one, "d/a b.txt") == DATA
        assert retrieve(one, "d/a b.txt", rest=100) == DATA[100:]
        assert one.sendcmd("MDTM d/a b.txt") == "213 20200913122640"
    assert file.sent == ftp_server.sent == 2 * len(DATA) - 100
    assert ftp_server.connections == 1
    assert ("RETR", "d/a b.txt") in ftp_server.commands
    assert ("PASS", "***") in ftp_server.commands


def test_a_later_file_is_younger(ftp_server):
    times = []
    with client(ftp_server) as one:
        for _ in range(3):
            ftp_server.serve("f", b"")
            times.append(one.sendcmd("MDTM f"))
    assert times == sorted(set(times))


@pytest.mark.parametrize("size", [1, 20_000, 10**9])
def test_a_throttle_changes_no_byte(ftp_server, size):
    file = ftp_server.serve("f", DATA, faults=[Throttle(100_000_000, size)] if size > 1 else [Throttle(1e6, 1)])
    with client(ftp_server) as one:
        assert retrieve(one, "f", rest=len(DATA) - 100 if size == 1 else None) == DATA[-100 if size == 1 else 0 :]
        assert retrieve(one, "f", rest=100) == DATA[100:]  # the cue was for one
    assert file.sent > len(DATA) - 100


@pytest.mark.parametrize("cue", [Cut(1_000), Reset(1_000)])
def test_cues(ftp_server, cue):
    file = ftp_server.serve("f", DATA, faults=[None, cue])
    with client(ftp_server) as one:
        assert retrieve(one, "f") == DATA
        with pytest.raises((ftplib.error_temp, ConnectionResetError)):
            retrieve(one, "f")
    assert file.sent == len(DATA) + 1_000
    file.cue(cue)
    with client(ftp_server) as one, pytest.raises((ftplib.error_temp, ConnectionResetError)):
        retrieve(one, "f")


def test_a_stall_ends_with_the_server():
    with FtpServer() as server:
        server.serve("f", DATA, faults=[Stall(1_000)])
        with client(server) as one:
            wire = one.transfercmd("RETR f")
            assert len(wire.recv(1_000, 0x100)) == 1_000  # MSG_WAITALL
            wire.settimeout(0.02)
            with pytest.raises(TimeoutError):
                wire.recv(1)
            wire.close()
    assert "asyncfetch-testing-ftp" not in [thread.name for thread in threading.enumerate()]


def test_replies_on_cue(ftp_server):
    ftp_server.serve("f", DATA)
    ftp_server.reply("SIZE", "550 no", times=2)
    ftp_server.withdraw("MDTM")
    with client(ftp_server) as one:
        one.voidcmd("TYPE I")
        for _ in range(2):
            with pytest.raises(ftplib.error_perm, match="550 no"):
                one.size("f")
        assert one.size("f") == len(DATA)
        with pytest.raises(ftplib.error_perm, match="502"):
            one.sendcmd("MDTM f")
        ftp_server.reply("NOOP", "421 bye")
        with pytest.raises(ftplib.error_temp, match="421 bye"):
            one.voidcmd("NOOP")
        with pytest.raises((EOFError, ConnectionError)):
            one.voidcmd("NOOP")


def test_who_may_log_in():
    with FtpServer(user="me", password="it's me", anonymous=False) as server:
        assert server.url("f") == f"ftp://me:it%27s%20me@127.0.0.1:{server.port}/f"
        with pytest.raises(ftplib.error_perm, match="530"), client(server):
            pass


def test_tls(certificate_authority):
    with FtpServer(tls=certificate_authority) as server:
        server.serve("f", DATA)
        assert server.url("f").startswith("ftps://")
        with client(server, tls=certificate_authority) as one:
            assert retrieve(one, "f") == DATA
        with pytest.raises(ftplib.error_perm, match="550 SSL/TLS required"), client(server):
            pass


def test_implicit_tls(certificate_authority):
    import socket

    with (
        FtpServer(tls=certificate_authority, implicit=True) as server,
        socket.create_connection((server.host, server.port)) as plain,
        certificate_authority.client_context().wrap_socket(plain, server_hostname=server.host) as wire,
    ):
        assert isinstance(wire, ssl.SSLSocket)
        assert wire.recv(100).startswith(b"220 ")
