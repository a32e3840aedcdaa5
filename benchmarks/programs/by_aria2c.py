"""aria2c: an input file with a checksum for each, which it verifies."""

from __future__ import annotations

import os
import subprocess
import tempfile

from benchmarks.programs.clock import Item, Job, measured


def fetch(job: Job, items: list[Item]) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".aria2", encoding="utf-8") as listed:
        for item in items:
            folder, name = os.path.split(item.path)
            listed.write(f"{item.url}\n  dir={folder}\n  out={name}\n")
            if item.digest:
                listed.write(f"  checksum=sha-256={item.digest.partition(':')[2]}\n")
        listed.flush()
        command = ["aria2c", "--no-conf", "--quiet", "--file-allocation=none", "--split=1", f"-j{job.width}"]
        if job.ca:
            command.append(f"--ca-certificate={job.ca}")
        subprocess.run([*command, f"--input-file={listed.name}"], check=True)


if __name__ == "__main__":
    told = subprocess.run(["aria2c", "--version"], check=True, capture_output=True, text=True).stdout
    measured(fetch, told.split()[2], verifies=True, started=True)
