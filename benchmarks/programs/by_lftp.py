"""lftp: ``get`` into a file of another name."""

from __future__ import annotations

import subprocess

from benchmarks.programs.clock import Item, Job, measured


def fetch(job: Job, items: list[Item]) -> None:
    orders = ["set xfer:clobber on", f"set cmd:queue-parallel {job.width}"]
    orders += [f"get {item.url} -o {item.path}" for item in items]
    subprocess.run(["lftp", "--norc", "-c", "; ".join(orders)], check=True)


if __name__ == "__main__":
    told = subprocess.run(["lftp", "--version"], check=True, capture_output=True, text=True).stdout
    measured(fetch, told.split()[3], started=True)
