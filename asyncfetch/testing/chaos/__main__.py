"""``python -m asyncfetch.testing.chaos``: chaos from the command line."""

from __future__ import annotations

import argparse
import logging
import sys

from . import chaos

_DESCRIPTION = """\
Fetch thousands of files over http, https, s3 and ftp from far ends on this
machine that do everything wrong: cut, stalled, corrupt, changed, mislabelled
and refused answers, by chance, from a seed. Each result is judged: the bytes,
the time, the name of the error, and what is left on disk."""
_EXAMPLES = """\
examples:
  python -m asyncfetch.testing.chaos
        a thousand fetches: about half a minute
  python -m asyncfetch.testing.chaos --seed 7 --fetches 10000 --backend trio
        ten thousand others, on trio
  python -m asyncfetch.testing.chaos --seed 7 --only 4711
        one of these by itself, as the report named it

The report counts each fault by scheme, in brackets how often it was made up
for; then how fetches ended, and what should not be: wrong bytes, hangs, foreign
exceptions, errors that nothing explains, files left behind. Each of those is
told with its plan, and makes the exit status 1."""


def main() -> int:
    """Run, print the report, and tell by the exit status whether all was as it should be."""
    parser = argparse.ArgumentParser(
        prog="python -m asyncfetch.testing.chaos",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seed", type=int, default=1, help="what all plans follow from (1)")
    parser.add_argument("--fetches", type=int, default=1_000, help="how many (1000)")
    parser.add_argument(
        "--only", type=int, action="append", default=[], metavar="NUMBER", help="this fetch alone (repeatable)"
    )
    parser.add_argument("--width", type=int, default=32, help="how many at a time (32)")
    parser.add_argument("--backend", choices=("asyncio", "trio"), default="asyncio", help="the event loop (asyncio)")
    chosen = parser.parse_args()
    logging.getLogger("asyncfetch").addHandler(logging.NullHandler())
    report = chaos(
        seed=chosen.seed, fetches=chosen.fetches, only=chosen.only, width=chosen.width, backend=chosen.backend
    )
    print(report)
    return 1 if report.wrongs else 0


if __name__ == "__main__":
    sys.exit(main())
