"""Bringing what is held up to date by its journal of patches (JLAP), where that can be proven; else the whole file.

A journal is asked for only when the caller names it among the formats, and only when the bytes held are those the
source has: what conda patched itself it has written anew, with other bytes.
"""

from __future__ import annotations

import logging
import os
import re
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from anyio import to_thread

from ._jlap import Verdict, update
from ._outcome import Status
from ._state import Facts

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._client import Client
    from .._model.url import Url
    from ._cache import Cached
    from ._jlap import Update
    from ._state import State

    Change = Callable[[State], None]

log = logging.getLogger("asyncfetch")
FILE = "repodata.jlap"
_HASH = re.compile(r"[0-9a-f]{64}\Z")


def held_hash(state: State) -> str | None:
    """Give the hash of the bytes held, if they are those of the source."""
    real, nominal = state.text("blake2_256"), state.text("blake2_256_nominal")
    return real if real == nominal and _HASH.match(real) else None


async def by_journal(
    client: Client, url: Url, cached: Cached, state: State, note: Callable[[Change], None]
) -> tuple[Status | None, int]:
    """Patch the cached file; give its status, None for one that must be fetched whole, and the bytes transferred.

    What there is to note in the state beside is given to ``note`` where the state is written later. Raises OSError,
    and MistakeError and LocalError of the tree.
    """
    have = held_hash(state)
    assert have is not None
    into = f"{cached.path}.{os.urandom(4).hex()}.part"
    try:
        found = await update(client, url, cached.path, into, have=have, state=state.data.get("jlap"))
        if found.verdict is Verdict.ABSENT:
            note(lambda state: state.learn_now("jlap", present=False))
            return None, found.transferred
        if found.verdict is Verdict.WHOLE:
            log.info("%s: fetching the whole file: %s", url, found.reason)
            note(lambda state: state.forget("jlap"))
            return None, found.transferred
        apply = partial(_apply, cached, have, into, found, durable=client.settings.durable)
        return await to_thread.run_sync(apply), found.transferred
    finally:
        with suppress(OSError):
            os.unlink(into)


def _apply(cached: Cached, have: str, into: str, found: Update, *, durable: bool) -> Status | None:
    """Put a patched file in place, or note that there was nothing to patch; None when somebody came between."""

    def change(state: State) -> None:
        state.data["jlap"] = found.state
        state.learn_now("jlap", present=True)
        state.checked(time.time_ns())

    if found.verdict is Verdict.CURRENT:
        return Status.UNCHANGED if cached.mark(change) else None
    if durable:
        with open(into, "rb") as file:
            os.fsync(file.fileno())
    about = os.stat(into)
    facts = Facts(about.st_size, about.st_mtime_ns)

    latest = found.latest
    assert latest is not None  # that of what was written

    def patch(state: State) -> None:
        change(state)
        state.patched(latest)

    return Status.PATCHED if cached.replace(into, facts, patch, only_over=have, durable=durable) else None
