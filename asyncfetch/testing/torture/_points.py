"""The operations of a fetch at which something can befall it, counted, and struck where one is told to.

Three kinds. ``disk``: calls of the operating system from our modules for the disk and for file URLs, and from modules
that are named, in any thread. ``socket``: what asyncio asks of the sockets of a client. ``port``: the awaits at which
floors meet, of Transport, Body and Sink. What belongs to a far end in this process is left alone: only our files and
our threads are looked at.

Rule: a strike comes in place of the operation, save for a close, which the kernel carries out even when it fails.
"""

from __future__ import annotations

import builtins
import contextlib
import os
import socket
import sys
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

from ..._client import Client
from ..._sinks.file import FileSink
from ..._sinks.memory import MemorySink

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from ..._model.exchange import Body, Request
    from ..._model.ports import Transport

KINDS = ("disk", "socket", "port")
_SYSTEM = (
    "open", "close", "read", "write", "pread", "pwrite", "ftruncate", "posix_fallocate", "lseek", "replace", "rename",
    "link", "unlink", "mkdir", "makedirs", "fstat", "stat", "statvfs", "access", "scandir", "fsync", "fdatasync", "dup",
    "copy_file_range", "sendfile",
)  # fmt: skip
_FCNTL = ("flock", "fcntl", "ioctl")
_SOCKET = ("connect", "recv", "recv_into", "send", "sendall", "sendmsg")
_SINK = ("__aenter__", "begin", "room", "absorb", "flush", "commit")
OURS = tuple(f"{os.sep}asyncfetch{os.sep}{name}" for name in ("_disk", "_sinks", f"_transports{os.sep}file.py"))
_OF_THE_LOOP = {"_write_to_self", "_read_from_self"}  # how asyncio wakes itself up


class Points:
    """Counts operations; ``befall(name)`` is called in place of the one numbered ``at`` (from 1; 0: of none).

    ``struck`` names that operation and where it was called, ``count`` is how many there were.
    """

    def __init__(self, at: int, befall: Callable[[str], object], kinds: tuple[str, ...] = KINDS) -> None:
        self.at = at
        self.befall = befall
        self.kinds = kinds
        self.places = OURS
        self.count = 0
        self.struck: str | None = None
        self._active = False
        self._lock = threading.Lock()
        self._main = threading.get_ident()

    @contextlib.contextmanager
    def inflicted(self) -> Iterator[Points]:
        """Count, and strike, inside this block; in this process."""
        with contextlib.ExitStack() as stack:
            if "disk" in self.kinds:
                self._tap(stack, os, _SYSTEM, self._disk)
                self._tap(stack, builtins, ("open",), self._disk)
                if sys.platform != "win32":
                    import fcntl

                    self._tap(stack, fcntl, _FCNTL, self._disk)
            if "socket" in self.kinds:
                self._tap(stack, socket.socket, _SOCKET, self._socket)
            if "port" in self.kinds:
                for sink in (FileSink, MemorySink):
                    self._tap(stack, sink, _SINK, self._sink)
                _replace(stack, Client, "_build", partial(_build, self, Client._build))  # noqa: SLF001 - what is tapped
            self._active = True
            try:
                yield self
            finally:
                self._active = False

    def pass_by(self, name: str) -> None:
        """Count one operation, and let befall it what is due."""
        if not self._active:  # a tapped transport outlives the block
            return
        with self._lock:
            self.count += 1
            due = self.count == self.at
        if due:
            self.struck = name
            self.befall(name)

    def _tap(self, stack: contextlib.ExitStack, where: Any, names: tuple[str, ...], tap: Callable[..., Any]) -> None:
        for name in names:
            if hasattr(where, name):
                _replace(stack, where, name, partial(tap, getattr(where, name), name))

    def _disk(self, real: Callable[..., Any], name: str, *arguments: Any, **named: Any) -> Any:
        caller = sys._getframe(1)  # noqa: SLF001 - the documented way to it
        place = caller.f_code.co_filename
        if any(one in place for one in self.places):
            try:
                where = place.rpartition(f"{os.sep}asyncfetch{os.sep}")[2]
                self.pass_by(f"{name} ({where}:{caller.f_lineno})")
            except OSError:
                if name == "close":
                    real(*arguments)
                raise
        return real(*arguments, **named)

    def _socket(self, real: Callable[..., Any], name: str, *arguments: Any) -> Any:
        caller = sys._getframe(2)  # noqa: SLF001 - as above; between lies what stands in for the method
        if caller.f_code.co_name not in _OF_THE_LOOP and self._is_the_clients():
            self.pass_by(name)
        return real(*arguments)

    def _is_the_clients(self) -> bool:
        if threading.get_ident() == self._main:
            return True
        thread = threading.current_thread().name
        return thread.startswith("asyncfetch") and not thread.startswith("asyncfetch-testing")

    async def _sink(self, real: Callable[..., Any], name: str, *arguments: Any, **named: Any) -> Any:
        self.pass_by(f"sink.{name}")
        return await real(*arguments, **named)


def _replace(stack: contextlib.ExitStack, where: Any, name: str, new: Any) -> None:
    """Put something in the place of an attribute, and back on leaving; methods stay methods."""
    inherited = isinstance(where, type) and name not in vars(where)
    real = getattr(where, name)
    if isinstance(where, type):
        method = new

        def new(*arguments: Any, **named: Any) -> Any:
            return method(*arguments, **named)

    setattr(where, name, new)
    stack.callback(delattr, where, name) if inherited else stack.callback(setattr, where, name, real)


async def _build(points: Points, real: Callable[..., Any], client: Client, scheme: str) -> Transport:
    transport = await real(client, scheme)
    made = transport if isinstance(transport, _Tapped) else _Tapped(transport, points)
    client._lent[scheme] = made  # noqa: SLF001 - where transfers look for it; closed is the one in client._made
    return made


class _Tapped:
    """A Transport whose awaits are operations."""

    def __init__(self, transport: Any, points: Points) -> None:
        self._transport = transport
        self._points = points

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    @contextlib.asynccontextmanager
    async def open(self, request: Request) -> AsyncIterator[Body]:
        points = self._points
        points.pass_by("transport.open")
        async with self._transport.open(request) as body:
            fill = body.fill

            async def tapped(into: memoryview) -> int:
                points.pass_by("body.fill")
                count: int = await fill(into)
                return count

            body.fill = tapped
            yield body
        points.pass_by("transport.leave")


def tap(transport: Transport, points: Points) -> Transport:
    """Make the awaits of a transport operations; for those that no client builds."""
    return _Tapped(transport, points)
