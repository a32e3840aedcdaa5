"""The listing of one folder: go there, MLSD or else LIST, line by line, and back home.

Rules: the folder is entered first, so that its name is never part of a command that reads options and patterns (LIST
is ls on many servers), and so that an empty listing is of a folder that exists.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ..._model.errors import AccessDenied, ProtocolViolation
from .absence import Found, refusal
from .listing import Line, read_list, read_mlsd
from .paths import shown
from .replies import Refused, error_of
from .transfer import start

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from ..._model.settings import Timeouts
    from .control import Control
    from .transfer import Transfer

PIECE = 64 * 1024  # bytes of a listing read at a time; a line may not be longer


async def enter(control: Control, folder: str, timeouts: Timeouts) -> None:
    """Go to a folder. Raises NotFound, AccessDenied, and what else `Control` raises."""
    try:
        await control.go(folder)
    except Refused as error:
        raise await refusal(control, folder, error, timeouts, wanted=Found.FOLDER) from error


async def lines_of(control: Control, timeouts: Timeouts, encoding: str) -> AsyncGenerator[Line]:
    """Give the entries of the folder that the connection is in; afterwards it is home again."""
    transfer = await _start(control, timeouts)
    seen = 0
    try:
        now = datetime.now(UTC)
        async for text in _texts(transfer):
            seen += 1
            line = (
                read_mlsd(shown(text, encoding))
                if transfer.command == "MLSD"
                else read_list(shown(text, encoding), now)
            )
            if line is not None:
                yield line
        reply = await transfer.end()
        if not 200 <= reply.code < 300:
            raise error_of(reply, transfer.command)
        if not seen and "fail" in reply.text.lower():  # vsftpd: "226 Transfer done (but failed to open directory)."
            raise AccessDenied(f"the server shows nothing: {reply}", status=reply.code)
        await control.go_home()
    finally:
        await transfer.aclose()


async def _start(control: Control, timeouts: Timeouts) -> Transfer:
    if "MLSD" not in control.lacks:
        try:
            return await start(control, "MLSD", timeouts)
        except Refused as error:
            if error.reply.code not in {500, 501, 502, 504} or error.command != "MLSD":
                raise
            control.lacks.add("MLSD")
    return await start(control, "LIST", timeouts)


async def _texts(transfer: Transfer) -> AsyncGenerator[str]:
    view = memoryview(bytearray(PIECE))
    rest = b""
    while count := await transfer.data.fill(view):
        *whole, rest = (rest + view[:count]).split(b"\n")
        if len(rest) > PIECE:
            raise ProtocolViolation(f"a line of more than {PIECE} bytes in the listing")
        for line in whole:
            yield line.rstrip(b"\r").decode("latin-1")
    if rest:
        yield rest.rstrip(b"\r").decode("latin-1")
