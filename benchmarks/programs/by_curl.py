"""curl: ``-o`` for one file, ``--parallel`` for many. It verifies no digest and writes to the final name at once."""

from __future__ import annotations

import os
import subprocess
import tempfile

from benchmarks.programs.clock import Item, Job, measured


def fetch(job: Job, items: list[Item]) -> None:
    command = ["curl", "--silent", "--show-error", "--fail", "--disable"]
    if job.ca:
        command += ["--cacert", job.ca]
    if items[0].url.startswith("s3:"):
        keys = f"{os.environ['AWS_ACCESS_KEY_ID']}:{os.environ['AWS_SECRET_ACCESS_KEY']}"
        command += ["--aws-sigv4", "aws:amz:us-east-1:s3", "--user", keys]
    if len(items) == 1:
        (item,) = items
        subprocess.run([*command, "--output", item.path, _address(job, item)], check=True)
        return
    with tempfile.NamedTemporaryFile("w", suffix=".curl", encoding="utf-8") as listed:
        listed.writelines(f'url = "{_address(job, item)}"\noutput = "{item.path}"\n' for item in items)
        listed.flush()
        subprocess.run(
            [*command, "--parallel", "--parallel-max", str(job.width), "--config", listed.name],
            check=True,
            stderr=subprocess.DEVNULL,  # a progress meter that --silent leaves on in old versions
        )


def _address(job: Job, item: Item) -> str:
    return item.url.replace("s3:/", job.endpoint or "", 1) if item.url.startswith("s3:") else item.url


if __name__ == "__main__":
    measured(
        fetch,
        subprocess.run(["curl", "--version"], check=True, capture_output=True, text=True).stdout.split()[1],
        started=True,
    )
