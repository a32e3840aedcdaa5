"""The command line: ``asyncfetch get | cat | stat | list | repodata | demo``.

Rules: results on standard output, everything else on standard error. Exit status: 0 all fetched, 1 some failed, 2 wrong
usage, 130 interrupted (143 terminated); 141 when who read standard output has gone, as for any program in a pipe. What
a command needs is loaded when it is known which one it is.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Awaitable, Callable, Sequence

    from .._progress.tally import Tally
    from .output import Report

    Command = Callable[[Namespace, Report, Tally], Awaitable[int]]

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and give its exit status.

    Without ``argv`` it runs as a program: the arguments are those of the process, which an interruption ends.
    """
    own_process = argv is None
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by who started us; the next file opened must not take its place
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - for as long as we live
    try:
        from .arguments import build

        options = build().parse_args(sys.argv[1:] if argv is None else list(argv))
        return _run(options, own_process=own_process)
    except SystemExit as leaving:  # argparse, having said why
        return leaving.code if isinstance(leaving.code, int) else 1
    except KeyboardInterrupt:  # before there was anything to interrupt
        print("asyncfetch: interrupted: nothing was kept", file=sys.stderr)
        return 130


def _run(options: Namespace, *, own_process: bool) -> int:
    import anyio

    import asyncfetch

    from .._progress.tally import Tally
    from .interruption import Interruption
    from .output import OutputClosed, OutputFailed, Report
    from .wishes import Usage

    tally = Tally()
    command = _command(options.command)
    grace = 5.0 if options.command == "demo" else None  # it has servers to stop and files to remove
    with Interruption(own_process=own_process, last_words=tally.last_words, grace=grace) as interruption:
        try:
            with Report(options) as report:
                return anyio.run(interruption.shelter, lambda: command(options, report, tally), backend="asyncio")
        except (Usage, asyncfetch.MistakeError) as error:
            print(f"asyncfetch: error: {error}", file=sys.stderr)
            return 2
        except OutputClosed:
            if own_process:  # what Python flushes at its end must find no closed pipe
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            return 141
        except OutputFailed as error:
            print(f"asyncfetch: error: cannot write standard output: {error}", file=sys.stderr)
            return 1
        except OSError as error:  # no place for a temporary file
            print(f"asyncfetch: error: {error}", file=sys.stderr)
            return 1


def _command(name: str) -> Command:
    if name == "get":
        from .get import get

        return get
    if name == "cat":
        from .cat import cat

        return cat
    if name == "repodata":
        from .repodata import refresh

        return refresh
    if name == "demo":
        from .demo import demo

        return demo
    from .look import listing, stat

    return stat if name == "stat" else listing
