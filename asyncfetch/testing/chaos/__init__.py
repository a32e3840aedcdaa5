"""Chaos: thousands of fetches from far ends that do everything wrong that `asyncfetch.testing` knows, from one seed.

Each fetch has a plan: one to three sources over http, https, s3 and ftp, a body, a digest, a size or neither, and for
each source up to three mishaps, one for each answer. The plan follows from the seed and the fetch's number alone, so
``only`` runs one of them by itself, and a seed ends each fetch as it did before (a fault or two more or less may be met
on the way, where a pause of milliseconds says which source is next). An oracle knows what each mishap may lead to
(`_faults`); the report says what was met, what came of it, and what should not be: wrong bytes, hangs, exceptions that
are none of ours, an error whose name nothing explains, and files left behind.

>>> from asyncfetch.testing.chaos import chaos
>>> report = chaos(seed=1, fetches=5)
>>> report.fetches, report.wrongs
(5, [])

``python -m asyncfetch.testing.chaos --seed 1 --fetches 10000`` prints the report; its exit status is 1 if there is
anything that should not be.
"""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING

import anyio

from ._report import Report
from ._run import Run

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Report", "chaos"]


def chaos(*, seed: int, fetches: int, only: Iterable[int] = (), width: int = 32, backend: str = "asyncio") -> Report:
    """Carry out the first so many fetches of a seed, ``width`` at a time; or ``only`` those of these numbers."""
    report = Report(seed)
    with tempfile.TemporaryDirectory() as folder:
        run = Run(seed, report, os.path.realpath(folder))
        anyio.run(run.carry_out, list(only) or list(range(fetches)), width, backend=backend)
    return report
