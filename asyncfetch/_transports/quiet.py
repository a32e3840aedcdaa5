"""What other libraries would log of our exchanges: headers, bodies and signatures, secrets and all.

At DEBUG httpcore logs the headers of answers and what a SOCKS proxy is told, hpack every header, botocore the keys
that STS gave. While such a library works for us its loggers are silent; for everybody else they speak as ever.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_ours: ContextVar[bool] = ContextVar("asyncfetch_quiet", default=False)


class _Silence(logging.Filter):
    """Drops what is logged while a library works for us."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not _ours.get() or record.levelno >= logging.WARNING


_silence = _Silence()


def hush(*libraries: str) -> None:
    """Put the filter on every logger that these libraries have by now; call it when they are imported."""
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] in libraries:
            logging.getLogger(name).addFilter(_silence)  # once: a logger looks whether it has it


@contextmanager
def quietly() -> Iterator[None]:
    """Let the libraries be silent in this block, and in the tasks it starts."""
    token = _ours.set(True)
    try:
        yield
    finally:
        with suppress(ValueError):  # ended by the garbage collector, in a context where there is nothing to undo
            _ours.reset(token)
