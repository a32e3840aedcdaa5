"""Tell "not there" from "not permitted": 550 means both (RFC 959 section 4.2.2).

Rules: NotFound needs proof, a listing or a text that names the reason; without it, it is AccessDenied. The proofs, the
cheap ones first: SIZE knew it; the text of the refusal; MLST; NLST of the path, which vsftpd (no MLST, one text for
everything) answers with nothing when the file is missing, and with another text when it cannot read the folder.
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from ..._model.errors import AccessDenied, FetchError, NotFound, TransientError
from .replies import Refused, Reply, error_of
from .transfer import start

if TYPE_CHECKING:
    from ..._model.settings import Timeouts
    from .control import Control

_NOT_PERMITTED = re.compile(r"permission|denied|not permitted|privilege|not allowed|forbidden", re.IGNORECASE)
_NOT_THERE = re.compile(r"no such|not found|does ?n[o']t exist|cannot find", re.IGNORECASE)
_FOLDER = re.compile(r"is a directory|not a (regular|plain) file|regular files|not retrievable", re.IGNORECASE)
_SOME = 4096  # bytes of a listing that are enough to see whether there is anything


async def refusal(
    control: Control, path: str, reply: Reply, command: str, timeouts: Timeouts, *, known: bool = False
) -> FetchError:
    """Find out what the refusal of a path means, asking on if need be; ``known``: SIZE said that it is there."""
    error = error_of(reply, command)
    if reply.code not in {550, 553} or isinstance(error, TransientError):
        return error
    there = "a folder" if _FOLDER.search(reply.text) else "there" if known else _by_text(reply)
    if there is None:
        there = await _by_mlst(control, path)
    if there is None:
        there = await _by_nlst(control, path, timeouts)
    if there == "a folder":
        return NotFound(f"it is a folder, not a file; {error.reason}", status=reply.code)
    if there == "missing":
        return NotFound(error.reason, status=reply.code)
    return AccessDenied(error.reason, status=reply.code)


def _by_text(reply: Reply) -> str | None:
    if _NOT_PERMITTED.search(reply.text):
        return "there"
    return "missing" if _NOT_THERE.search(reply.text) else None


async def _by_mlst(control: Control, path: str) -> str | None:
    if "MLST" in control.lacks:
        return None
    reply = await control.ask(f"MLST {path}")
    if reply.code == 250:
        return "a folder" if re.search(r"type=(c|p)?dir;", reply.text, re.IGNORECASE) else "there"
    if reply.code in {500, 502, 504}:
        control.lacks.add("MLST")
        return None
    return _by_text(reply)


async def _by_nlst(control: Control, path: str, timeouts: Timeouts) -> str:
    seen = await _nlst(control, path, timeouts)
    if seen is None:
        # the folder it is in cannot be read: because that is missing, too?
        parent = posixpath.dirname(path)
        if not parent or parent == path:
            return "there"
        return await _by_nlst(control, parent, timeouts) if await _nlst(control, parent, timeouts) == 0 else "there"
    if not seen:
        return "missing"
    return "a folder" if await _enters(control, path) else "there"


async def _nlst(control: Control, path: str, timeouts: Timeouts) -> int | None:
    """Give how much NLST shows of a path; None when it does not say that it looked."""
    name = path if path.startswith("/") else f"./{path}"  # a leading dash would be an option
    try:
        transfer = await start(control, f"NLST {name}", timeouts)
    except Refused as error:
        return 0 if _by_text(error.reply) == "missing" else None
    try:
        count = await transfer.data.fill(memoryview(bytearray(_SOME)))
        if count:
            return count  # the rest is left, and with it the connection
        reply = await transfer.end()
    finally:
        await transfer.aclose()
    return None if not 200 <= reply.code < 300 or "fail" in reply.text.lower() else 0


async def _enters(control: Control, path: str) -> bool:
    if not control.usable:
        return False
    reply = await control.ask(f"CWD {path}")
    control.usable = control.usable and reply.code != 250  # paths are relative to where the login led
    return reply.code == 250
