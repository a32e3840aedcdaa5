"""``python -m asyncfetch.testing.torture SCHEME...``: torture from the command line."""

from __future__ import annotations

import argparse
import logging
import sys

from ..far_ends import FAR_ENDS, open_far_end
from . import BACKENDS, WAYS, torture


def main() -> int:
    """Torture, print the report, and tell by the exit status whether all held."""
    parser = argparse.ArgumentParser(prog="python -m asyncfetch.testing.torture", description="Torture fetches.")
    parser.add_argument("schemes", nargs="*", metavar="SCHEME", help=f"some of {', '.join(FAR_ENDS)} (all)")
    parser.add_argument("--backend", choices=BACKENDS, action="append", help="the event loop, or sync (all)")
    parser.add_argument("--way", choices=WAYS, action="append", help="what goes wrong (everything)")
    parser.add_argument("--stride", type=int, default=1, help="strike every so many operations (1)")
    chosen = parser.parse_args()
    logging.getLogger("asyncfetch").setLevel(logging.CRITICAL)  # bugs on purpose are logged as bugs
    held = True
    for scheme in chosen.schemes or FAR_ENDS:
        if scheme not in FAR_ENDS:
            parser.error(f"there is no far end for {scheme}")
        for backend in chosen.backend or BACKENDS:
            try:
                with open_far_end(scheme) as far_end:
                    print(torture(far_end, backend=backend, ways=chosen.way or WAYS, stride=chosen.stride))
            except AssertionError as error:
                held = False
                print(f"DID NOT HOLD: {error}")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
