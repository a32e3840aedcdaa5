"""Find, start and stop a server: a process of its own group, ended by its id."""

from __future__ import annotations

import contextlib
import glob
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 40.0  # seconds for a server to begin listening


@dataclass(frozen=True)
class FarEnd:
    """A server that runs: where, whom it knows, and what it wrote down."""

    name: str
    port: int
    root: Path
    log: Path
    user: str | None = None
    password: str | None = None
    anonymous: bool = True

    def url(self, path: str, *, scheme: str = "ftp") -> str:
        """The URL of a path below the root, with user and password where it does not know anonymous."""
        who = "" if self.anonymous else f"{quote(self.user or '', safe='')}:{quote(self.password or '', safe='')}@"
        return f"{scheme}://{who}127.0.0.1:{self.port}/{path}"


def place() -> Path:
    """The folder that `install.sh` fills."""
    return Path(os.environ.get("ASYNCFETCH_SERVERS") or Path(__file__).parents[2] / ".venv" / "servers")


def find(name: str) -> str | None:
    """The program of a server, unpacked by `install.sh` or installed; None where there is none."""
    unpacked = ":".join(str(place() / "usr" / folder) for folder in ("sbin", "bin"))
    return shutil.which(name, path=f"{unpacked}:/usr/sbin:/usr/local/sbin:/usr/bin")


def missing(*names: str) -> str | None:
    """Why these servers cannot be used here; None when they can."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "these servers change their root folder, which takes root"
    absent = [name for name in names if find(name) is None]
    return f"not here: {', '.join(absent)} (tests/servers/install.sh gets them)" if absent else None


def free_port() -> int:
    """A port that nobody uses, and that the kernel gives to no connection before the server has it."""
    while True:
        port = random.randrange(10_240, 32_768)  # below those of connections (32,768 to 60,999)
        with socket.socket() as one, contextlib.suppress(OSError):
            one.bind(("127.0.0.1", port))
            return port


def environment() -> dict[str, str]:
    """What a server needs to find the libraries unpacked beside it."""
    libraries = glob.glob(str(place() / "usr" / "lib" / "*-linux-gnu"))
    return {**os.environ, "LD_LIBRARY_PATH": ":".join([*libraries, os.environ.get("LD_LIBRARY_PATH", "")])}


@contextmanager
def folder_for_all() -> Iterator[Path]:
    """Make a folder that those may enter who have given up root, and remove it in the end."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@contextmanager
def running(command: list[str], port: int, output: Path, *, patient: bool = True) -> Iterator[None]:
    """Run a server until the block ends; ``patient`` asks it to end before it is killed."""
    with output.open("wb") as sink:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, env=environment(), start_new_session=True
        )
        try:
            _await_listening(process, port, output)
            yield
        finally:
            _stop(process, (signal.SIGTERM, signal.SIGKILL) if patient else (signal.SIGKILL,))


def _await_listening(process: subprocess.Popen[bytes], port: int, output: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE):
                return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{process.args} did not start: {output.read_text(errors='replace')}") from None
            time.sleep(0.02)


def _stop(process: subprocess.Popen[bytes], signals: tuple[signal.Signals, ...]) -> None:
    for what in signals:
        try:
            os.killpg(process.pid, what)  # it forks for each session
        except ProcessLookupError:
            break
        try:
            process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            continue
    process.wait()
