"""The process that forks once for each fetch that is to be killed; `_killing` starts it, nothing imports it.

It reads (subject, number of the operation) from its standard input, pickled, and answers with the exit status and what
was struck. It has no thread between two forks.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO

from ._points import Points

if TYPE_CHECKING:
    from ._subject import Subject

_WRONG = 70  # the exit status of a fetch that was not killed and did not succeed (EX_SOFTWARE)


def _fork(subject: Subject, at: int) -> tuple[int, str]:
    told, telling = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(told)
        _die_at(subject, at, telling)
    os.close(telling)
    with os.fdopen(told, "rb") as stream:
        words = stream.read().decode()
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), words


def _die_at(subject: Subject, at: int, telling: int) -> None:
    def die(name: str) -> None:
        os.write(telling, name.encode())
        os.kill(os.getpid(), signal.SIGKILL)
        signal.pause()

    status = _WRONG
    try:
        outcome = subject.fetch(Points(at, die))
        if isinstance(outcome, Exception):
            raise outcome
        status = 0
    except BaseException as error:  # noqa: BLE001 - told, whatever it is
        os.write(telling, repr(error).encode())
    finally:
        os._exit(status)


def _serve(orders: BinaryIO, answers: BinaryIO) -> None:
    """Do as told until nobody tells."""
    loaded = set()
    while True:
        try:
            subject, at = pickle.load(orders)
        except EOFError:
            return
        kind = (subject.url.partition(":")[0], subject.backend)
        if kind not in loaded:
            # everything this scheme needs is loaded here, not in each fork
            loaded.add(kind)
            replace(subject, to=None).fetch()
        pickle.dump(_fork(subject, at), answers)
        answers.flush()


if __name__ == "__main__":
    _serve(sys.stdin.buffer, os.fdopen(os.dup(1), "wb"))
