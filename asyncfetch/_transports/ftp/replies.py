"""What replies and failures mean: each in its own place in the error tree (RFC 959 section 4.2, RFC 4217, RFC 2428).

Rules: below the transport, code raises `Refused`, errors of the tree, and whatever aioftp, asyncio and ssl raise;
`told` turns all of it into errors of the tree that name the URL. 4xx is transient, and 421 says that the server ends
the connection. A permission problem is never reported as not found (`asyncfetch._transports.ftp.absence` tells).
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import ssl
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import aioftp
import anyio

from ..._model.errors import (
    AccessDenied,
    Busy,
    ConnectFailed,
    FetchError,
    Interrupted,
    ProtocolViolation,
    TimedOut,
    TransientError,
    Untrusted,
)
from ..distrust import Party, explain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..._model.url import Url

SHOWN = 200  # characters of a server's text in a message of ours
# 530 and 550 also say "come back later" on servers that limit connections by user or by host (proftpd, IIS)
_CROWDED = re.compile(r"too many|maximum (allowed )?number|max(imum)? clients|limit (reached|exceeded)", re.IGNORECASE)


class Reply(NamedTuple):
    """One reply: its code, and its text, lines joined by LF."""

    code: int
    text: str

    def __str__(self) -> str:
        text = " ".join(self.text.split())
        printable = "".join(character if character.isprintable() else "?" for character in text[:SHOWN])
        return f"{self.code} {printable}".rstrip()


class Refused(Exception):
    """The server answered a command with something else than what the command is for."""

    def __init__(self, reply: Reply, command: str) -> None:
        self.reply = reply
        self.command = command
        super().__init__(str(reply))


class Lost(ConnectionError):
    """The server closed the control connection."""


_KINDS: dict[int, type[FetchError]] = {
    331: AccessDenied,  # and another password?
    332: AccessDenied,  # an account (ACCT), which we have none of
    421: Busy,
    425: ConnectFailed,  # no data connection
    426: Interrupted,
    430: AccessDenied,
    431: Untrusted,  # this and 53x: RFC 4217 section 10.1, RFC 2228
    450: Busy,  # "file busy"
    451: Interrupted,
    522: Untrusted,  # vsftpd, when the data connection did not resume the TLS session
    530: AccessDenied,
    532: AccessDenied,
    533: Untrusted,
    534: Untrusted,
    535: Untrusted,
    536: Untrusted,
    550: AccessDenied,
    553: AccessDenied,
}


def error_of(reply: Reply, command: str) -> FetchError:
    """Give the error that a reply means when nothing more is known."""
    code = reply.code
    kind = _KINDS.get(code, TransientError if 400 <= code < 500 else ProtocolViolation)
    if code in {530, 550} and _CROWDED.search(reply.text):
        kind = Busy
    return kind(f"the server answered {command} with: {reply}", status=code)


def error_from(error: BaseException, *, host: str = "", connecting: bool = False) -> FetchError | None:
    """Give the error of the tree that an exception stands for; None where it is not ours to translate."""
    if isinstance(error, FetchError):
        return error
    if isinstance(error, Refused):
        return error_of(error.reply, error.command)
    if isinstance(error, aioftp.StatusCodeError):
        code = str(error.received_codes[-1]) if error.received_codes else ""
        text = error.info if isinstance(error.info, str) else "\n".join(error.info)
        return error_of(Reply(int(code) if code.isdecimal() else 0, text), "a command")
    if isinstance(error, TimeoutError):
        return TimedOut(str(error) or "the server did not answer in time")
    if isinstance(error, ssl.SSLCertVerificationError):
        return explain(error, Party(host), None)
    if isinstance(error, ssl.SSLError):
        what = getattr(error, "reason", None) or str(error)
        return Untrusted(f"TLS: {what}") if connecting else Interrupted(f"TLS broke off: {what}")
    if isinstance(error, aioftp.AIOFTPException):  # before OSError and ValueError, which some of these are too
        return ProtocolViolation(f"{type(error).__name__}: {error}")
    if isinstance(error, OSError | EOFError):
        return ConnectFailed(_no_way_to(host, error)) if connecting else Interrupted(_text(error))
    if isinstance(error, ValueError | LookupError | asyncio.LimitOverrunError):
        return ProtocolViolation(f"the server's reply cannot be read: {error}")
    return None


def _text(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _no_way_to(host: str, error: BaseException) -> str:
    if isinstance(error, socket.gaierror):
        return f"the name `{host}` was not resolved: {_text(error)}"
    number = getattr(error, "errno", None)  # asyncio has the address for a text
    return f"host `{host}`: {os.strerror(number).lower() if number else _text(error)}"


@contextmanager
def told(url: Url, *, connecting: bool = False) -> Iterator[None]:
    """Let nothing but errors of the tree out, each with its URL and its cause."""
    try:
        yield
    except Exception as error:
        ours = error_from(error, host=url.host, connecting=connecting)
        if ours is None:
            raise
        if ours.url is None:
            ours.url = str(url)
        if ours is error:
            raise
        raise ours from error


@contextmanager
def within(seconds: float | None, what: str) -> Iterator[None]:
    """Bound the time of a block; raises a TimeoutError that reads as a sentence."""
    with anyio.move_on_after(seconds) as scope:
        yield
    if scope.cancelled_caught:
        raise TimeoutError(f"{what} after {seconds:g} s")
