"""Sample data on demand, as pooch has it: a registry of names and hashes, a cache, and progress on the terminal.

    python pooch_registry.py registry.txt https://h.example/data/ [cache/] [NAME...]

A file that is in the cache with the right hash costs no request; one that is not is fetched, checked and put there in
one step, by however many processes ask for it at the same time: one fetches, the others wait and find it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from asyncfetch import Fetch, FetchError, sync


class Registry:
    """Names and hashes of files below a base URL; ``fetch(name)`` gives a path that is right."""

    def __init__(self, text: str, base: str, cache: str | Path) -> None:
        pairs = (line.split() for line in text.splitlines() if line.strip() and not line.startswith("#"))
        self.hashes = {name: known if ":" in known else f"sha256:{known}" for name, known in pairs}
        self.base = base
        self.cache = Path(cache)
        self._client = sync.Client(progress=True)  # bars on a terminal or in a notebook, else a line a file

    def fetch(self, name: str) -> Path:
        """Give the path of one file. Raises KeyError for a name that is not in the registry, FetchError."""
        self._client.fetch(self._wish(name))
        return self.cache / name

    def fetch_all(self, names: list[str] | None = None) -> dict[str, FetchError]:
        """Fetch many at a time; gives what failed."""
        names = list(self.hashes) if names is None else names
        outcomes = self._client.fetch_all([self._wish(name) for name in names])
        return {name: one for name, one in zip(names, outcomes, strict=True) if isinstance(one, FetchError)}

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _wish(self, name: str) -> Fetch:
        return Fetch(self.base + name, self.cache / name, digest=self.hashes[name])


def main(registry: str, base: str, cache: str = "cache", *names: str) -> int:
    """Fetch the files named, or all; gives an exit status."""
    data = Registry(Path(registry).read_text(encoding="utf-8"), base, cache)
    try:
        failed = data.fetch_all(list(names) or None)
    finally:
        data.close()
    for name, error in failed.items():
        print(f"{name}: {error}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
