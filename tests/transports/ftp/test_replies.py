"""Every reply and every exception has its place in the error tree."""

from __future__ import annotations

import asyncio
import inspect
import socket
import ssl

import aioftp
import pytest

from asyncfetch import (
    AccessDenied,
    Busy,
    ConnectFailed,
    FetchError,
    Interrupted,
    InvalidUrl,
    ProtocolViolation,
    TimedOut,
    TransientError,
    Untrusted,
    Url,
)
from asyncfetch._transports.ftp.replies import SHOWN, Lost, Refused, Reply, error_from, error_of, told

URL = Url("ftp://me:secret@h.example/f")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (421, Busy), (425, ConnectFailed), (426, Interrupted), (430, AccessDenied), (450, Busy), (451, Interrupted),
        (452, TransientError), (434, TransientError), (499, TransientError), (500, ProtocolViolation),
        (502, ProtocolViolation), (522, Untrusted), (530, AccessDenied), (532, AccessDenied), (534, Untrusted),
        (550, AccessDenied), (553, AccessDenied), (599, ProtocolViolation), (350, ProtocolViolation),
        (0, ProtocolViolation),
    ],
)  # fmt: skip
def test_codes(code, kind):
    error = error_of(Reply(code, "because"), "RETR")
    assert type(error) is kind
    assert error.status == code
    assert "RETR" in error.reason
    assert "because" in error.reason


def test_every_transient_code_is_retried():
    for code in range(400, 500):
        kind = type(error_of(Reply(code, ""), "RETR"))
        assert issubclass(kind, TransientError) or code in {430, 431}


@pytest.mark.parametrize(
    "text",
    [
        "Sorry, the maximum number of allowed clients (2) are already connected.",
        "Sorry, the maximum number of clients (1) from your host are already connected.",
        "Too many connections from this IP",
    ],
)
def test_a_crowd_is_no_refusal(text):
    assert type(error_of(Reply(530, text), "the login")) is Busy


def test_what_a_server_says_is_shown_short_and_harmless():
    assert str(Reply(550, "a\nb\x1b[31m\u202e")) == "550 a b?[31m?"
    assert len(str(Reply(550, "x" * 5_000))) < SHOWN + 10


def ours(error, **more):
    with pytest.raises(FetchError) as caught, told(URL, **more):
        raise error
    assert caught.value.url == str(URL)
    assert "secret" not in str(caught.value)
    if caught.value is not error:
        assert caught.value.__cause__ is error
    return type(caught.value)


VERIFY = ssl.SSLCertVerificationError(1, "certificate verify failed")
CASES = [
    (ConnectionRefusedError(111, "refused"), ConnectFailed, Interrupted),
    (socket.gaierror(-2, "Name or service not known"), ConnectFailed, Interrupted),
    (OSError(101, "unreachable"), ConnectFailed, Interrupted),
    (Lost("closed"), ConnectFailed, Interrupted),
    (EOFError(), ConnectFailed, Interrupted),
    (asyncio.IncompleteReadError(b"", 4), ConnectFailed, Interrupted),
    (TimeoutError(), TimedOut, TimedOut),
    (VERIFY, Untrusted, Untrusted),
    (ssl.SSLError(1, "wrong version number"), Untrusted, Interrupted),
    (ssl.SSLZeroReturnError(6, "closed"), Untrusted, Interrupted),
    (Refused(Reply(530, "no"), "the login"), AccessDenied, AccessDenied),
    (ValueError("Separator is not found, and chunk exceed the limit"), ProtocolViolation, ProtocolViolation),
    (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no"), ProtocolViolation, ProtocolViolation),
    (IndexError("x"), ProtocolViolation, ProtocolViolation),
    (asyncio.LimitOverrunError("too long", 5), ProtocolViolation, ProtocolViolation),
    (InvalidUrl("its own"), InvalidUrl, InvalidUrl),
]


@pytest.mark.parametrize(("error", "connecting", "later"), CASES, ids=[type(case[0]).__name__ for case in CASES])
def test_exceptions(error, connecting, later):
    assert ours(error, connecting=True) is connecting
    assert ours(error, connecting=False) is later


def test_every_exception_of_aioftp_is_mapped():
    kinds = [
        kind
        for module in (aioftp, aioftp.errors)
        for kind in vars(module).values()
        if inspect.isclass(kind) and issubclass(kind, BaseException)
    ]
    assert len(set(kinds)) >= 6
    for kind in set(kinds):
        error = kind("2xx", ("550",), ["no"]) if kind is aioftp.StatusCodeError else kind("text")
        expected = AccessDenied if kind is aioftp.StatusCodeError else ProtocolViolation
        assert type(error_from(error)) is expected, kind


def test_what_is_not_a_failure_of_the_far_end_is_not_translated():
    for kind in (RuntimeError, AssertionError, KeyboardInterrupt, asyncio.CancelledError):
        with pytest.raises(kind), told(URL):
            raise kind
