"""Asking a program for credentials: the keyring of the machine, or whatever a company has in its place.

Rules: asked when a place that has a `Keyring` says 401, once for each place, and what it said is remembered, also that
it knows nothing. It has no standard input, is given so many seconds and LONGEST bytes, and is ended, with all it
started, when it takes more or when we are cancelled. What it says is never shown; what it complains of is not read.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

import anyio

from ..._model.errors import MistakeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from anyio.abc import Process

    from ..._model.settings import Keyring

_log = logging.getLogger("asyncfetch")
LONGEST = 64 * 1024  # bytes of output
_LINGER = 0.25  # seconds its output may stay open once it has ended, by a child it left behind


class Asked:
    """What the keyrings of one client said, by service and user; each is asked once."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str | None], str | None] = {}
        self._lock = anyio.Lock()

    def __contains__(self, key: tuple[str, str | None]) -> bool:
        return key in self._known

    def get(self, service: str, user: str | None) -> str | None:
        """Give the Authorization value that is known already."""
        return self._known.get((service, user))

    async def ask(
        self, keyring: Keyring, services: tuple[str, ...], user: str | None, basic: Callable[[str, str], str]
    ) -> str | None:
        """Give an Authorization value, or None: from the first service that the program knows, asked at most once."""
        key = services[0], user
        async with self._lock:
            if key not in self._known:
                self._known[key] = await _ask(keyring, services, user, basic)
            return self._known[key]


async def _ask(
    keyring: Keyring, services: tuple[str, ...], user: str | None, basic: Callable[[str, str], str]
) -> str | None:
    with anyio.move_on_after(keyring.seconds) as scope:
        for service in services:
            said = await _run(_command(keyring, service, user))
            value = None if said is None else _read(said, user, basic)
            if value is not None:
                return value
    if scope.cancelled_caught:
        _log.warning("the credential program %s took longer than %g s", _name(keyring), keyring.seconds)
    return None


def _name(keyring: Keyring) -> str:
    return keyring.command[0] if keyring.command else "keyring"


def _command(keyring: Keyring, service: str, user: str | None) -> list[str]:
    how = keyring.command or (("keyring", "--mode", "creds", "get") if user is None else ("keyring", "get"))
    return [*how, service, *([] if user is None else [user])]


def _read(said: str, user: str | None, basic: Callable[[str, str], str]) -> str | None:
    """Understand what it printed: the password of the user, a user and a password, or a token."""
    lines = said.splitlines()
    if not lines or not lines[0] or not all(line.isprintable() for line in lines[:2]):
        return None
    with suppress(MistakeError):  # a colon in the name of a user
        if user is not None:
            return basic(user, lines[0])
        if len(lines) > 1:
            return basic(lines[0], lines[1])
    token = lines[0]
    return f"Bearer {token}" if len(lines) == 1 and token.isascii() and " " not in token else None


async def _run(command: list[str]) -> str | None:
    """Run a program; give what it printed, None if it failed or printed too much."""
    try:
        with anyio.CancelScope(shield=True):  # cancelled in the midst of it, asyncio would leave a child unwaited for
            process = await anyio.open_process(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
    except (OSError, ValueError) as error:
        _log.warning("the credential program %s cannot be run: %s", command[0], getattr(error, "strerror", None))
        return None
    said = bytearray()
    try:
        async with anyio.create_task_group() as group:
            over = anyio.Event()
            group.start_soon(_listen, process, said, over)
            await process.wait()
            with anyio.move_on_after(_LINGER):
                await over.wait()
            group.cancel_scope.cancel()
    finally:
        _end(process)
        with anyio.CancelScope(shield=True):
            await process.wait()
            await process.aclose()
    if process.returncode or len(said) > LONGEST:
        why = f"exit status {process.returncode}" if len(said) <= LONGEST else "it printed too much"
        _log.info("the credential program %s gave nothing: %s", command[0], why)
        return None
    try:
        return said.decode("utf-8")
    except UnicodeDecodeError:
        return None


async def _listen(process: Process, said: bytearray, over: anyio.Event) -> None:
    assert process.stdout is not None
    with suppress(anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
        while len(said) <= LONGEST:
            said += await process.stdout.receive()
        _end(process)
    over.set()


def _end(process: Process) -> None:
    """Kill the program and what it started; it may have ended already."""
    with suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
