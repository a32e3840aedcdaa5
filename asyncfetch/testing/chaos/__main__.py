"""``python -m asyncfetch.testing.chaos``: chaos from the command line."""

from __future__ import annotations

import argparse
import logging
import sys

from . import chaos


def main() -> int:
    """Run, print the report, and tell by the exit status whether all was as it should be."""
    parser = argparse.ArgumentParser(prog="python -m asyncfetch.testing.chaos", description="Fetch amid chaos.")
    parser.add_argument("--seed", type=int, default=1, help="what all plans follow from (1)")
    parser.add_argument("--fetches", type=int, default=1_000, help="how many (1000)")
    parser.add_argument("--only", type=int, action="append", default=[], metavar="NUMBER", help="this fetch alone")
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
