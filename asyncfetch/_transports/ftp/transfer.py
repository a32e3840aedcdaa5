"""Start a transfer: open the data connection, send the command, and shake hands while the server answers.

Rules: where a server listens by EPSV and cannot be reached there (a router that knows PASV alone), PASV is tried. TLS
on the data connection begins only after the command is sent, beside waiting for its reply: vsftpd says 150 first and
proftpd shakes hands first, and each waits for the other thing to be done.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import anyio

from ..._model.errors import FetchError, ProtocolViolation, RangeRefused, Untrusted
from ..trust import certificate_name
from .control import PATIENT
from .data import DataConnection
from .data_tls import SecureDataConnection
from .replies import Refused, Reply, within

if TYPE_CHECKING:
    from ..._model.settings import Timeouts
    from .control import Control

# seconds we wait for the reply to a transfer that we ended ourselves; without it the connection is not kept. pure-ftpd
# now and then says nothing. ABOR would not help: nobody can tell whether one reply follows it or two
CURTAIN = 0.5


class Transfer:
    """A transfer under way: its data connection, and the reply that ends it, once it is here."""

    def __init__(self, control: Control, data: DataConnection, command: str) -> None:
        self._control = control
        self.data = data
        self.command = command
        self.last: Reply | None = None

    async def end(self) -> Reply:
        """Give the last reply. Raises TimeoutError and OSError when it does not come."""
        more = PATIENT
        while self.last is None:
            reply = await self._control.reply()
            more -= 1
            if reply.code >= 200:
                self.last = reply
                self._control.resting = True
            elif not more:
                raise ProtocolViolation("the server sends one preliminary reply after another", status=reply.code)
        return self.last

    async def leave(self) -> None:
        """End a transfer that has more to give, and keep the control connection if the server lets us."""
        await self.data.aclose()
        with anyio.move_on_after(CURTAIN):
            with suppress(OSError, Refused, FetchError):  # it does not rest then, and is dropped
                await self.end()

    def drop(self) -> None:
        """Close the control connection, too: no reply is waited for any more."""
        self._control.drop()

    async def aclose(self) -> None:
        """Close the data connection at once."""
        await self.data.aclose()


async def start(control: Control, command: str, timeouts: Timeouts, *, offset: int = 0) -> Transfer:
    """Start a transfer from a byte on. Raises RangeRefused, Refused, OSError, ssl.SSLError and TimeoutError."""
    data = await _connect(control, timeouts)
    try:
        if offset:
            await _restart(control, offset)
        return await _begin(control, data, command, timeouts)
    except BaseException:
        await data.aclose()
        raise


async def _connect(control: Control, timeouts: Timeouts) -> DataConnection:
    while True:
        host, port = await control.passive()
        if control.context is None:
            data = DataConnection(timeouts.read)
        else:
            data = SecureDataConnection(timeouts.read, control.context, control.session, certificate_name(control.host))
        try:
            with within(timeouts.connect, "no data connection"):
                return await data.connect(host, port)
        except OSError:  # TimeoutError is one
            if "EPSV" in control.lacks or ":" in host:
                raise
            control.lacks.add("EPSV")


async def _restart(control: Control, offset: int) -> None:
    """Ask to begin at a byte (RFC 3659 section 5)."""
    reply = await control.ask(f"REST {offset}")
    if 400 <= reply.code < 500:
        raise Refused(reply, "REST")
    if reply.code not in {350, 250, 200}:
        raise RangeRefused(f"the server does not restart at byte {offset}: {reply}", status=reply.code)


async def _begin(control: Control, data: DataConnection, command: str, timeouts: Timeouts) -> Transfer:
    transfer = Transfer(control, data, command.partition(" ")[0])
    shaking = asyncio.ensure_future(data.handshake())
    try:
        reply = await control.ask(command)
        if reply.code >= 300:
            if reply.code == 554:  # RFC 3659 section 5.1: "invalid REST parameter"
                raise RangeRefused(f"the server does not restart there: {reply}", status=reply.code)
            raise Refused(reply, transfer.command)
        if reply.code >= 200:  # over already: nothing to list
            transfer.last = reply
        with within(timeouts.connect, "no data connection"):
            await _shaken(transfer, shaking)
        return transfer
    finally:
        if not shaking.done():
            shaking.cancel()
        with anyio.CancelScope(shield=True):
            await asyncio.gather(shaking, return_exceptions=True)


async def _shaken(transfer: Transfer, shaking: asyncio.Future[None]) -> None:
    try:
        await shaking
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        if isinstance(error, TimeoutError) or type(error).__name__ == "SSLCertVerificationError":
            raise
        # the server knows better why: vsftpd ends the handshake, then says 522 when it misses the session
        reply = None
        with anyio.move_on_after(CURTAIN):
            reply = await transfer.end()
        if reply is not None and reply.code >= 500:
            raise Untrusted(f"the data connection was not secured: {reply}", status=reply.code) from error
        raise
