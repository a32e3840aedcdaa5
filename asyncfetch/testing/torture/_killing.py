"""Kills a fetch at its n-th operation, really: a process forks for each, and the fork is gone with SIGKILL.

The process that forks runs nothing else and has loaded everything, so that a fork costs milliseconds; it is told what
to do over its standard input, and says what came of it. Where there is no fork (Windows) nothing is killed.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from ._subject import Subject

CAN_FORK = hasattr(os, "fork")
_FORKS = f"{__package__}._forks"


class Killer:
    """The process that forks; use it as a context manager."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", _FORKS],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it is gone, and what was meant for it is not
            self._process.stdin.close()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process.wait()

    def kill(self, subject: Subject, at: int) -> str | None:
        """Run the fetch and kill it at an operation, which is given; None when it succeeded before."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        order = pickle.dumps((subject, at))
        try:
            self._process.stdin.write(order)
            self._process.stdin.flush()
            status, struck = pickle.load(self._process.stdout)
        except (BrokenPipeError, EOFError) as error:
            raise RuntimeError(
                f"the process that forks ended with status {self._process.wait()}; what it said last is the reason "
                "(the function that makes transports must be one of a module that it can import)"
            ) from error
        if status == 0:
            return None
        if status != -signal.SIGKILL:
            raise AssertionError(f"it ended with status {status}, before it was killed: {struck}")
        return str(struck)
