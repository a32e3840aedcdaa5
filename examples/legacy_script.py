"""A script as they were written in 2015: no async, no await, one line changed.

    python legacy_script.py https://h.example/data/ target/

It reads an index (one file name a line), looks which files are new, and downloads those. It was ``requests`` before;
now each file is whole or not there at all, an interrupted run goes on where it was, and Ctrl-C works.
"""

from __future__ import annotations

import sys
from pathlib import Path

from asyncfetch import FetchError, NotFound, sync


def update(base: str, target: str | Path) -> int:
    """Bring a folder up to date; gives an exit status."""
    folder = Path(target)
    failures = 0
    with sync.Client() as client:  # was: session = requests.Session()
        try:
            names = client.read(base + "index.txt", limit=1_000_000).decode("utf-8").split()
        except NotFound:
            print(f"there is no index at {base}", file=sys.stderr)
            return 2
        for name in names:
            path = folder / name
            if path.exists() and path.stat().st_size == client.stat(base + name).size:
                print(f"kept    {name}")
                continue
            try:
                result = client.fetch(base + name, path)
            except FetchError as error:
                print(error, file=sys.stderr)
                failures += 1
            else:
                print(f"fetched {name}: {result.size} bytes")
        # the last lines of a log that is too long to keep: read as any file is
        try:
            with client.open(base + "changes.log") as log:
                last = [line.decode("utf-8").rstrip() for line in log][-3:]
        except NotFound:
            last = []
    print(*last, sep="\n")
    return 1 if failures else 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(update(*sys.argv[1:]))
