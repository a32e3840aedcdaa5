"""One file, several places over several schemes, one digest: whichever will do.

    python mirrors.py sha256:HEX target URL [MIRROR...]

A source that is gone, slow, busy or wrong is left for the next. What it sent is kept where the digest will prove the
whole: the next source goes on from there, whatever its scheme is.
"""

from __future__ import annotations

import sys
from functools import partial

import anyio

import asyncfetch

# an installer that has mirrors is less patient with each of them
SETTINGS = asyncfetch.Settings(
    retry=asyncfetch.Retry(attempts=2, backoff=0.1), timeouts=asyncfetch.Timeouts(connect=5, read=10)
)


def tell(event: object) -> None:
    """Say where it goes on, and why."""
    if isinstance(event, asyncfetch.Retrying):
        print(f"{event.error.reason}; next: {event.source}", file=sys.stderr)


async def main(digest: str, target: str, url: str, *mirrors: str) -> int:
    """Fetch; gives an exit status."""
    async with asyncfetch.Client(settings=SETTINGS, observer=tell) as client:
        try:
            result = await client.fetch(url, target, digest=digest, mirrors=mirrors)
        except asyncfetch.FetchError as error:
            print(error, file=sys.stderr)
            for attempt in error.attempts:
                print(f"  {attempt.source}: {attempt.received} bytes, {attempt.outcome}", file=sys.stderr)
            return 1
    print(f"{result.path}: {result.size} bytes from {result.source}, attempt {result.attempts}")
    return 0


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    sys.exit(anyio.run(partial(main, *sys.argv[1:])))
