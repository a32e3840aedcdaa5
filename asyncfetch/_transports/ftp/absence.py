"""Tell "not there" from "not permitted": 550 means both (RFC 959 section 4.2.2).

Rules: NotFound needs proof, a listing or a text that names the reason; without it, it is AccessDenied. The proofs, the
cheap ones first: SIZE knew it; the text of the refusal; MLST; NLST of the path, which vsftpd (no MLST, one text for
everything) answers with nothing when the file is missing, and with another text when it cannot read the folder.
"""

from __future__ import annotations

import posixpath
import re
from enum import Enum
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
_FILE = re.compile(r"not a directory", re.IGNORECASE)
_SOME = 4096  # bytes of a listing that are enough to see whether there is anything


class Found(Enum):
    """What is at a path that was refused."""

    FILE = "a file"
    FOLDER = "a folder"
    SOMETHING = "something"
    NOTHING = "nothing"


async def refusal(
    control: Control, path: str, refused: Refused, timeouts: Timeouts, *, wanted: Found, known: bool = False
) -> FetchError:
    """Find out what the refusal of a path means, asking on if need be; ``known``: SIZE said that it is there."""
    reply, error = refused.reply, error_of(refused.reply, refused.command)
    if reply.code not in {550, 553} or isinstance(error, TransientError):
        return error
    found = Found.SOMETHING if known else _by_text(reply, wanted)
    if found is None and wanted is Found.FOLDER and (await control.about(path)).size is not None:
        found = Found.FILE
    if found is None:
        found = await _by_mlst(control, path, wanted)
    if found is None:
        found = await _by_nlst(control, path, timeouts)
    if found in {Found.FILE, Found.FOLDER} and found is not wanted:
        return NotFound(f"it is {found.value}, not {wanted.value}: {error.reason}", status=reply.code)
    if found is Found.NOTHING:
        return NotFound(error.reason, status=reply.code)
    return AccessDenied(error.reason, status=reply.code)


def _by_text(reply: Reply, wanted: Found) -> Found | None:
    for pattern, found in (
        (_FOLDER, Found.FOLDER),
        (_FILE, Found.FILE if wanted is Found.FOLDER else Found.NOTHING),  # a folder on the way to it is a file
        (_NOT_PERMITTED, Found.SOMETHING),
        (_NOT_THERE, Found.NOTHING),
    ):
        if pattern.search(reply.text):
            return found
    return None


async def _by_mlst(control: Control, path: str, wanted: Found) -> Found | None:
    if "MLST" in control.lacks:
        return None
    reply = await control.ask(f"MLST {path}")
    if reply.code == 250:
        return Found.FOLDER if re.search(r"type=[cp]?dir;", reply.text, re.IGNORECASE) else Found.FILE
    if reply.code in {500, 502, 504}:
        control.lacks.add("MLST")
        return None
    return _by_text(reply, wanted)


async def _by_nlst(control: Control, path: str, timeouts: Timeouts) -> Found:
    seen = await _nlst(control, path, timeouts)
    if seen is None:
        # the folder it is in cannot be read: because that is missing, too?
        parent = posixpath.dirname(path)
        if parent in {"", path}:
            return Found.SOMETHING
        found = await _by_nlst(control, parent, timeouts)
        return Found.NOTHING if found in {Found.NOTHING, Found.FILE} else Found.SOMETHING
    if not seen:
        return Found.NOTHING
    try:
        await control.go(path)
        await control.go_home()
    except Refused:
        return Found.SOMETHING if (await control.about(path)).size is None else Found.FILE
    return Found.FOLDER


async def _nlst(control: Control, path: str, timeouts: Timeouts) -> int | None:
    """Give how much NLST shows of a path; None when it does not say that it looked."""
    name = path if path.startswith("/") else f"./{path}"  # a leading dash would be an option
    try:
        transfer = await start(control, f"NLST {name}", timeouts)
    except Refused as error:
        return 0 if _by_text(error.reply, Found.FILE) is Found.NOTHING else None
    try:
        count = await transfer.data.fill(memoryview(bytearray(_SOME)))
        if count == _SOME:
            await transfer.leave()
            return count
        reply = await transfer.end()
    finally:
        await transfer.aclose()
    if count:
        return count
    return None if not 200 <= reply.code < 300 or "fail" in reply.text.lower() else 0
