"""The memory that a repodata.json takes on its way to the disk does not grow with it.

``ASYNCFETCH_LARGE=300000000`` makes it the size that the promise is about.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .scene import compressed

ROOT = Path(__file__).parents[2]
SIZE = max(90_000_000, int(os.environ.get("ASYNCFETCH_LARGE", "0")))  # whoever held it whole would be over the bound
MOST = 64 * 1024  # KiB by which the memory of a process may grow at its peak, whatever the size
CHILD = """
import sys
from asyncfetch import sync

def resident():
    with open("/proc/self/status") as file:
        return {name: rest.split()[0] for name, _, rest in (line.partition(":") for line in file) if rest.split()}

sync.prefetch([sys.argv[1] + "-not"], ["linux-64"], sys.argv[2])  # what is loaded at first use is not what is measured
before = int(resident()["VmRSS"])
(outcome,) = sync.prefetch([sys.argv[1]], ["noarch"], sys.argv[2], formats=[sys.argv[3]])
print(outcome.status, int(resident()["VmHWM"]) - before)
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="memory is read from /proc")
@pytest.mark.timeout(60 + SIZE // 1_000_000)
@pytest.mark.parametrize("form", ["zst", "json"])
def test_a_large_json_takes_little_memory(channel, tmp_path, form):
    piece = b'"' + bytes(range(97, 123)) * 40_000 + b'",\n'
    whole = b'{"x": [' + piece * (SIZE // len(piece) + 1) + b'""]}'
    name = "repodata.json.zst" if form == "zst" else "repodata.json"
    channel.server.serve(f"{channel.name}/noarch/{name}", compressed(whole) if form == "zst" else whole)
    command = [sys.executable, "-c", CHILD, channel.url, str(tmp_path / "cache"), form]
    ran = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    status, growth = ran.stdout.split()
    print(f"{form} of {len(whole)} bytes: {growth} KiB")
    assert status == "fetched"
    assert int(growth) < MOST
    cached = max((tmp_path / "cache").glob("????????.json"), key=lambda one: one.stat().st_size)
    assert cached.stat().st_size == len(whole)
    cached.unlink()  # such files are not for keeping
