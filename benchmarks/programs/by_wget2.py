"""wget2: ``-O`` for one file, a list and ``--max-threads`` for many. The names are those of the URLs."""

from __future__ import annotations

import os
import subprocess
import tempfile

from benchmarks.programs.clock import Item, Job, measured


def fetch(job: Job, items: list[Item]) -> None:
    command = ["wget2", "--quiet", "--no-config", f"--max-threads={job.width}", "--no-robots", "--compression=identity"]
    if job.ca:
        command.append(f"--ca-certificate={job.ca}")
    if len(items) == 1:
        (item,) = items
        subprocess.run([*command, "-O", item.path, item.url], check=True)
        return
    with tempfile.NamedTemporaryFile("w", suffix=".wget2", encoding="utf-8") as listed:
        listed.writelines(f"{item.url}\n" for item in items)
        listed.flush()
        subprocess.run([*command, "-P", os.path.dirname(items[0].path), "-i", listed.name], check=True)


if __name__ == "__main__":
    told = subprocess.run(["wget2", "--version"], check=True, capture_output=True, text=True).stdout
    measured(fetch, told.split()[2], started=True)
