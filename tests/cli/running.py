"""Running the command line: in this process, or as a process of its own where signals, pipes and terminals matter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from asyncfetch.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = [sys.executable, "-W", "error", "-m", "asyncfetch"]


@dataclass
class Ended:
    status: int
    out: str
    err: str

    @property
    def objects(self) -> list[dict]:
        return [json.loads(line) for line in self.out.splitlines()]


class Here:
    """Runs commands in this process, in a folder of their own."""

    def __init__(self, capfd):
        self._capfd = capfd

    def __call__(self, *arguments: object) -> Ended:
        self._capfd.readouterr()
        status = main([str(argument) for argument in arguments])
        return Ended(status, *self._capfd.readouterr())


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("CI", "NO_COLOR", "COLUMNS", "LINES")}
    return {**kept, "TERM": "xterm-256color", **more}


@contextmanager
def process(*arguments: object, **options: object) -> Iterator[subprocess.Popen]:
    """A process of the command line, gone at the end."""
    command = [*PROGRAM, *(str(argument) for argument in arguments)]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=environment(), **{**pipes, **options}) as running:
        try:
            yield running
        finally:
            if running.poll() is None:
                running.kill()


def finished(*arguments: object, **options: object) -> Ended:
    """Run a process to its end."""
    given = options.pop("input", None)
    if given is not None:
        options["stdin"] = subprocess.PIPE
    with process(*arguments, **options) as running:
        out, err = running.communicate(given, timeout=30)
        return Ended(running.returncode, out.decode(), err.decode())
