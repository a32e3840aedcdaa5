"""``python -m asyncfetch.testing.torture SCHEME...``: torture from the command line."""

from __future__ import annotations

import argparse
import logging
import sys
from importlib.util import find_spec

from ..far_ends import FAR_ENDS, open_far_end
from . import BACKENDS, WAYS, WISHES, torture

_DESCRIPTION = """\
Fetch from a real far end on this machine, once for each operation of the
fetch, and have that one go wrong: a call of the operating system fails, a
connection breaks, a task is cancelled, the process is killed. After each the
destination must be absent, old, or new and verified, nothing else may be left
but a part and its note, and the next fetch must succeed."""
_WAYS = """\
ways:
  ENOSPC, EIO, EACCES    a system call for our disk fails so
  reset                  a socket call fails, as the connection was reset
  port                   an await of transport, body or sink fails as it may
  bug                    the same with an exception that it may not raise
  cancelled              the task is cancelled at each step (asyncio, trio)
  interrupted            Ctrl-C (sync)
  killed                 the process is gone with SIGKILL

wishes:
%s

examples:
  python -m asyncfetch.testing.torture
        every scheme, backend, wish and way: tens of minutes
  python -m asyncfetch.testing.torture http ftp --backend asyncio
        all operations of two schemes on one loop: minutes
  python -m asyncfetch.testing.torture s3 --way killed --wish resumed --stride 3
        kill each third operation of a fetch that goes on with a part

A line of the report: scheme, backend, wish, way, rounds, and how they ended.
The exit status is 1 when something did not hold. For a transport of your own
call asyncfetch.testing.torture.torture(far_end, transports=...) from Python."""


def _parser() -> argparse.ArgumentParser:
    what = "\n".join(f"  {wish.name:10} {wish}" for wish in WISHES)
    parser = argparse.ArgumentParser(
        prog="python -m asyncfetch.testing.torture",
        description=_DESCRIPTION,
        epilog=_WAYS % what,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    named = [wish.name for wish in WISHES]
    parser.add_argument("schemes", nargs="*", metavar="SCHEME", help=f"some of {', '.join(FAR_ENDS)} (all)")
    parser.add_argument("--backend", choices=BACKENDS, action="append", help="the event loop, or sync (all)")
    parser.add_argument("--way", choices=WAYS, action="append", metavar="WAY", help="what goes wrong (everything)")
    parser.add_argument("--wish", choices=named, action="append", metavar="WISH", help="what is fetched (all)")
    parser.add_argument("--stride", type=int, default=1, metavar="N", help="strike every N-th operation only (1)")
    return parser


def main() -> int:
    """Torture, print the report, and tell by the exit status whether all held."""
    parser = _parser()
    chosen = parser.parse_args()
    wishes = [wish for wish in WISHES if not chosen.wish or wish.name in chosen.wish]
    if chosen.stride < 1:
        parser.error("--stride is 1 or more")
    for scheme in set(chosen.schemes) - set(FAR_ENDS):
        parser.error(f"there is no far end for {scheme}")
    logging.getLogger("asyncfetch").setLevel(logging.CRITICAL)  # bugs on purpose are logged as bugs
    held = True
    for scheme in chosen.schemes or FAR_ENDS:
        for backend in chosen.backend or [one for one in BACKENDS if one != "trio" or find_spec("trio")]:
            try:
                with open_far_end(scheme) as far_end:
                    ways = chosen.way or WAYS
                    print(torture(far_end, backend=backend, ways=ways, wishes=wishes, stride=chosen.stride), flush=True)
            except AssertionError as error:
                held = False
                print(f"DID NOT HOLD: {error}")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
