"""httpx2, the maintained successor of httpx, used alike."""

from __future__ import annotations

from benchmarks.programs.by_httpx import main

if __name__ == "__main__":
    main("httpx2")
