"""A large body through each scheme to disk, its digest verified on the way: the memory it takes does not grow with it.

``ASYNCFETCH_LARGE=1073741824`` in the environment makes it a gibibyte, the size the promise is about.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from asyncfetch.testing import HttpServer, Pattern
from tests.servers.process import missing
from tests.servers.vsftpd import vsftpd

ROOT = Path(__file__).parents[2]
SIZE = int(os.environ.get("ASYNCFETCH_LARGE", str(80 * 1024 * 1024)))
MOST = 48 * 1024 * 1024  # bytes by which the memory of a process may grow at its peak, whatever the size
BODY = Pattern(SIZE, seed=31)
BLOCK = 8 * 1024 * 1024

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/clear_refs"), reason="only Linux tells the peak")

CHILD = """
import json, sys, anyio, asyncfetch
url, to, digest, loop, told = sys.argv[1:]
told = json.loads(told)
def memory(name):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(name))
async def main():
    settings = asyncfetch.Settings(
        trust=asyncfetch.Trust(verify=told.get("ca", True)), s3=asyncfetch.S3(**told.get("s3", {}))
    )
    auth = {url: tuple(told["keys"])} if "keys" in told else None
    async with asyncfetch.Client(settings=settings, auth=auth) as client:
        await client.stat(url)  # what is loaded at first use is not what is measured
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
        before = memory("VmRSS")
        result = await client.fetch(url, to, digest=digest)
        print(json.dumps([memory("VmHWM") - before, result.size, str(result.digest), result.elapsed]))
anyio.run(main, backend=loop)
"""


@pytest.fixture(scope="module")
def body(tmp_path_factory):
    """A file of that size, and its digest; where others may read it."""
    import hashlib

    path, digest = tmp_path_factory.mktemp("large") / "large", hashlib.sha256()
    for one in (path.parent, *list(path.parents)[1:4]):
        one.chmod(0o755)
    with path.open("wb") as file:
        for start in range(0, SIZE, BLOCK):
            block = BODY.read(start, min(SIZE, start + BLOCK))
            file.write(block)
            digest.update(block)
    yield path, f"sha256:{digest.hexdigest()}"
    path.unlink()


@contextmanager
def http(path, _):
    with HttpServer() as server:
        yield server.serve("/large", BODY).url, {}


@contextmanager
def s3(path, request):
    place = request.getfixturevalue("juicefs_place")
    place.client.upload_file(str(path), "bucket", "large")
    told = {"endpoint_url": place.endpoint, "region": "us-east-1"}
    yield "s3://bucket/large", {"s3": told, "keys": next(iter(place.auth.values()))}
    place.client.delete_object(Bucket="bucket", Key="large")


@contextmanager
def ftp(path, request, *, tls=None):
    if missing("vsftpd") is not None:
        pytest.skip(missing("vsftpd"))
    work = request.getfixturevalue("tmp_path")
    work.chmod(0o755)
    pair = request.getfixturevalue("certificate_authority").write_server_certificate(work / "pair.pem", rsa=True)
    with vsftpd(path.parent, work, tls=tls, certificate=pair) as far:
        scheme, told = ("ftp", {}) if tls is None else ("ftps", {"ca": request.getfixturevalue("ca_file")})
        yield far.url("large", scheme=scheme), told


@contextmanager
def ftps(path, request):
    with ftp(path, request, tls="explicit") as found:
        yield found


@contextmanager
def file(path, _):
    yield path.as_uri(), {}


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
@pytest.mark.parametrize("way", [http, s3, ftp, ftps, file])
def test_memory_does_not_grow_with_the_body(way, loop, body, request, tmp_path):
    path, digest = body
    with way(path, request) as (url, told):
        command = [sys.executable, "-c", CHILD, url, str(tmp_path / "out"), digest, loop, json.dumps(told)]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    grown, size, found, seconds = json.loads(ended.stdout)
    print(f"{way.__name__} on {loop}: {size} bytes, {grown / 2**20:.1f} MiB more memory, {seconds:.2f} s")
    assert (size, found) == (SIZE, digest)
    assert (tmp_path / "out").stat().st_size == SIZE
    assert grown <= MOST
    (tmp_path / "out").unlink()
