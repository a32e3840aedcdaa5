"""One control connection (RFC 959 section 5): commands and replies, over aioftp's client.

Rules: one command at a time. A connection rests only where the last reply to the last command is here, so that
whatever ends in between, cancellation too, leaves one that nobody takes up again: its next reply would be the answer to
something else. 421 makes it unusable for good. Paths are relative to where the login led: one that went elsewhere is
``away``, and not usable until it is home again.
"""

from __future__ import annotations

import re
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import aioftp
import anyio

from ..._model.errors import ProtocolViolation, Untrusted
from ..trust import certificate_name
from .client import ReplyClient
from .replies import Refused, Reply

if TYPE_CHECKING:
    import asyncio
    import ssl

PATIENT = 16  # preliminary replies (1xx) in a row before the one that counts; more is nobody's server
KEEPALIVE = 60  # seconds of silence after which the kernel probes, so that no router forgets us during a long transfer
# said anew for each handshake, as a context of the user's may serve HTTP, too; vsftpd 3.0.4 insists on the right one
ALPN = ["ftp"]
_SIZE = re.compile(r"\s*(\d{1,19})\s*\Z", re.ASCII)
_TIME = re.compile(r"\s*(\d{14}(?:\.\d+)?)\s*\Z", re.ASCII)  # RFC 3659 section 2.3

_QUOTED = re.compile(r'"((?:[^"]|"")*)"')  # RFC 959 appendix II


class About(NamedTuple):
    """What SIZE and MDTM say of a path; None where the server does not."""

    size: int | None
    modified: str | None


class Control:
    """A control connection. ``lacks`` names commands that this server does not know.

    Every method raises `Refused`, errors of the tree, OSError, and TimeoutError when no reply comes for ``patience``
    seconds.
    """

    def __init__(self, host: str, *, patience: float | None) -> None:
        # one character a byte: see paths.py. No timeouts of aioftp's, each of which would cost a task
        self._client = ReplyClient(encoding="latin-1")
        self._patience = patience
        self.host = host
        self.context: ssl.SSLContext | None = None  # of the data connections, too
        self.resting = False
        self.away = False
        self._home: str | None = None
        self.reused = False  # it has served before, so the server may have closed it since
        self.lacks: set[str] = set()
        self.idle_since = 0.0

    @property
    def usable(self) -> bool:
        """Whether another exchange may begin on it."""
        return self.resting and not self.away

    async def connect(self, port: int, context: ssl.SSLContext | None) -> None:
        """Connect, under TLS from the first byte where there is a context."""
        if context is not None:
            context.set_alpn_protocols(ALPN)
        self._client.ssl = self.context = context
        await aioftp.BaseClient.connect(self._client, self.host, port)
        wire = self._client.stream.writer.get_extra_info("socket")
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(socket, "TCP_KEEPIDLE"):
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE)

    async def secure(self, context: ssl.SSLContext) -> None:
        """Go on under TLS (RFC 4217 section 4)."""
        reply = await self.ask("AUTH TLS")
        if reply.code != 234:
            raise Untrusted(f"the server offers no TLS: {reply}", status=reply.code)
        stream = self._client.stream
        if _spoken(stream.reader):
            # replies slipped in before the handshake would be taken for the server's own (CVE-2021-38371 and its kind)
            raise ProtocolViolation("the server, or someone in between, spoke before TLS began")
        self.resting = False
        context.set_alpn_protocols(ALPN)
        await stream.start_tls(context, certificate_name(self.host))
        self.resting = True
        self.context = context

    async def protect(self) -> None:
        """Have data connections under TLS, too (RFC 4217 section 9)."""
        await self.order("PBSZ 0", 200)
        reply = await self.ask("PROT P")
        if reply.code != 200:
            raise Untrusted(f"the server does not protect data connections: {reply}", status=reply.code)

    # --- commands and replies

    async def ask(self, command: str, *, secret: bool = False) -> Reply:
        """Send a command and give its reply. Raises Refused only for a 421."""
        self.resting = False
        await self._client.command(command, censor_after=5 if secret else None)
        reply = await self.reply()
        self.resting = not 100 <= reply.code < 200
        return reply

    async def order(self, command: str, *expected: int) -> Reply:
        """Send a command whose reply must be one of those expected. Raises Refused for any other."""
        reply = await self.ask(command)
        if reply.code not in expected:
            raise Refused(reply, command.partition(" ")[0])
        return reply

    async def reply(self) -> Reply:
        """Read one more reply. Raises Refused for a 421, whatever it was to be the reply to."""
        try:
            with anyio.fail_after(self._patience):
                code, lines = await self._client.parse_response()
        except TimeoutError as error:
            raise TimeoutError(f"the server did not reply for {self._patience:g} s") from error
        reply = Reply(int(code), "\n".join(lines))
        if reply.code == 421:  # RFC 959: "may be a reply to any command if the service knows it must shut down"
            self.resting = False
            raise Refused(reply, "us")
        return reply

    async def greeting(self) -> None:
        """Read what a server says first."""
        reply = await self.reply()
        for _ in range(PATIENT):
            if reply.code != 120:  # "ready in nnn minutes"
                break
            reply = await self.reply()
        if reply.code != 220:
            raise Refused(reply, "the connection")
        self.resting = True

    async def log_in(self, user: str, password: str) -> None:
        """Say who we are."""
        reply = await self.ask(f"USER {user}", secret=True)
        if reply.code == 331:
            reply = await self.ask(f"PASS {password}", secret=True)
        if reply.code not in {230, 232, 202}:
            # some servers repeat what they were told
            text = reply.text.replace(password, "***") if password else reply.text
            raise Refused(Reply(reply.code, text), "the login")
        await self.order("TYPE I", 200)  # before any SIZE or REST, whose numbers are of bytes only then

    # --- about files

    async def about(self, path: str) -> About:
        """Ask for SIZE and MDTM (RFC 3659 sections 3 and 4)."""
        if not path.isascii() and "OPTS" not in self.lacks:
            # some servers take names for UTF-8 only when told so (RFC 2640 section 3.2); their answer changes nothing
            self.lacks.add("OPTS")
            await self.ask("OPTS UTF8 ON")
        size = await self._fact("SIZE", path, _SIZE)
        if size is None and "SIZE" not in self.lacks:
            return About(None, None)  # MDTM will not know it either
        return About(None if size is None else int(size), await self._fact("MDTM", path, _TIME))

    async def _fact(self, command: str, path: str, form: re.Pattern[str]) -> str | None:
        if command in self.lacks:
            return None
        reply = await self.ask(f"{command} {path}")
        if 400 <= reply.code < 500:
            raise Refused(reply, command)
        if reply.code in {500, 502, 503, 504}:
            self.lacks.add(command)
        match = form.match(reply.text) if reply.code == 213 else None
        return match[1] if match else None

    async def go(self, path: str) -> None:
        """Go to a folder."""
        if self._home is None and path:
            reply = await self.order("PWD", 257)
            match = _QUOTED.search(reply.text)
            self._home = match[1].replace('""', '"') if match else ""
        if path:
            self.away = True
            reply = await self.ask(f"CWD {path}")
            if reply.code not in {200, 250}:
                self.away = False
                raise Refused(reply, "CWD")

    async def go_home(self) -> None:
        """Go back to where the login led, if we can."""
        if self.away and self.resting and self._home:
            reply = await self.ask(f"CWD {self._home}")
            self.away = reply.code not in {200, 250}

    async def passive(self) -> tuple[str, int]:
        """Have the server listen for a data connection, and give where: at the address we talk to already.

        The address in a reply to PASV is never used: it may lead to a host inside our network.
        """
        host = self._peer()
        if "EPSV" not in self.lacks:
            reply = await self.ask("EPSV")
            if reply.code == 229:
                return host, _port(aioftp.Client.parse_epsv_response, reply)
            if reply.code < 500:
                raise Refused(reply, "EPSV")
            self.lacks.add("EPSV")
        reply = await self.order("PASV", 227)
        return host, _port(aioftp.Client.parse_pasv_response, reply)

    def _peer(self) -> str:
        peer = self._client.stream.writer.get_extra_info("peername")
        host: str = peer[0]
        return f"{host}%{peer[3]}" if len(peer) == 4 and peer[3] and "%" not in host else host

    @property
    def session(self) -> ssl.SSLSession | None:
        """The TLS session, which data connections resume."""
        secured = self._client.stream.writer.get_extra_info("ssl_object")
        session: ssl.SSLSession | None = None if secured is None else secured.session
        return session

    # --- the end

    def stale(self) -> bool:
        """Tell whether a resting connection was closed, or has been spoken to out of turn (421 after idling)."""
        reader: asyncio.StreamReader = self._client.stream.reader
        closing: bool = self._client.stream.writer.is_closing()
        return closing or reader.at_eof() or _spoken(reader)

    def drop(self) -> None:
        """Close at once."""
        self.resting = False
        if self._client._stream is not None:  # noqa: SLF001 - the property raises when there was no connection
            self._client.stream.writer.transport.abort()

    async def aclose(self) -> None:
        """Say goodbye, without waiting for the answer, and close."""
        if self.resting and not self.stale():
            self._client.stream.writer.write(b"QUIT\r\n")
            self._client.stream.writer.close()
            with anyio.move_on_after(1):
                with suppress(OSError):
                    await self._client.stream.writer.wait_closed()
        self.drop()


def _spoken(reader: asyncio.StreamReader) -> bool:
    """Tell whether something was read that nobody asked for; asyncio has no public way to see it."""
    buffer: bytearray = reader._buffer  # type: ignore[attr-defined]  # noqa: SLF001 - as said
    return bool(buffer)


def _port(parse: object, reply: Reply) -> int:
    try:
        _, port = parse(reply.text)  # type: ignore[operator]  # aioftp ships no types
    except (ValueError, LookupError) as error:
        raise ProtocolViolation(f"a reply that names no port: {reply}", status=reply.code) from error
    if not 0 < port < 65536:
        raise ProtocolViolation(f"a reply that names no port: {reply}", status=reply.code)
    return int(port)
