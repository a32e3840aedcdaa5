"""s5cmd (Go): ``cp`` for one object, ``run`` with a list for many. It splits large objects over connections."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

from benchmarks.programs.clock import Item, Job, measured

_PROGRAM = os.path.join(os.path.dirname(sys.executable), "s5cmd")


def fetch(job: Job, items: list[Item]) -> None:
    command = [_PROGRAM, "--endpoint-url", str(job.endpoint), "--numworkers", str(job.width), "--log", "error"]
    with tempfile.NamedTemporaryFile("w", suffix=".s5cmd", encoding="utf-8") as listed:
        listed.writelines(f"cp '{item.url}' '{item.path}'\n" for item in items)
        listed.flush()
        subprocess.run([*command, "run", listed.name], check=True)


if __name__ == "__main__":
    told = subprocess.run([_PROGRAM, "version"], check=True, capture_output=True, text=True).stdout
    measured(fetch, told.strip().lstrip("v"), started=True)
