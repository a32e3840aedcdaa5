"""Killed with SIGKILL in the middle of a body: another process goes on, and the server's count of bytes proves it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from asyncfetch import Url
from asyncfetch._disk.note import read_note
from asyncfetch.testing import HttpServer, Pattern, Stall
from asyncfetch.testing.ftp import FtpServer
from tests.servers.process import missing
from tests.servers.relay import relay
from tests.servers.vsftpd import vsftpd

from .places import PLACES

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL here")
BODY = Pattern(6_000_000, seed=21).read()
STOP = 4_000_000  # bytes after which the server falls silent, until its client is killed
HEADS = 4_000  # bytes that the heads of a few HTTP answers may take

CHILD = """
import json, sys, anyio, asyncfetch
url, to, loop, told = sys.argv[1:]
told = json.loads(told)
async def main():
    settings = asyncfetch.Settings(
        trust=asyncfetch.Trust(verify=told.get("ca", True)), s3=asyncfetch.S3(**told.get("s3", {})),
        limits=asyncfetch.Limits(connections_per_file=1, rate=told.get("rate")),
    )
    auth = {url: tuple(told["keys"])} if "keys" in told else None
    async with asyncfetch.Client(settings=settings, auth=auth) as client:
        result = await client.fetch(url, to)
        print(json.dumps([result.resumed_from, result.transferred]), flush=True)
anyio.run(main, backend=loop)
"""


class Served:
    """One body at a URL. ``silence`` makes the server stop in the middle, ``sent`` is how many bytes it sent in all."""

    def __init__(self, url, told, silence, speak, sent, *, slack=0):
        self.url, self.told, self.silence, self.speak, self.sent, self.slack = url, told, silence, speak, sent, slack


@contextmanager
def http(_, __):
    with HttpServer() as server:
        page = server.serve("/page", BODY)
        yield Served(page.url, {}, lambda: page.cue(Stall(STOP)), lambda: None, lambda: page.body_bytes_sent)


@contextmanager
def s3(name, request):
    """A real S3 server behind a relay, which counts."""
    place = request.getfixturevalue(f"{name}_place")
    url = place.put("killed", BODY)
    with relay(Url(place.endpoint).port) as between:
        told = {
            "s3": {"endpoint_url": f"http://127.0.0.1:{between.port}", "region": "us-east-1"},
            "keys": next(iter(place.auth.values())),
        }

        def hold(at):
            between.hold = at

        yield Served(url, told, lambda: hold(STOP), lambda: hold(None), lambda: sum(between.sent), slack=HEADS)


@contextmanager
def ftp(scheme, request):
    tls = None if scheme == "ftp" else request.getfixturevalue("certificate_authority")
    with FtpServer(tls=tls) as server:
        file = server.serve("f", BODY)
        told = {} if tls is None else {"ca": request.getfixturevalue("ca_file")}
        yield Served(file.url, told, lambda: file.cue(Stall(STOP)), lambda: None, lambda: file.sent)


WAYS = {
    "http": (http, None), "s3-seaweed": (s3, "seaweed"), "s3-juicefs": (s3, "juicefs"), "ftp": (ftp, "ftp"),
    "ftps": (ftp, "ftps"),
}  # fmt: skip


def start(served, to, loop, **more):
    told = json.dumps({**served.told, **more})
    command = [sys.executable, "-c", CHILD, served.url, str(to), loop, told]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def killed_with_some(served, to, loop, *, least, **more):
    """Start a process, kill it once its note vouches for so many bytes; give how many it vouches for then."""
    part, note = Path(f"{to}.part"), f"{to}.part.json"
    child = start(served, to, loop, **more)
    held = 0
    while held < least:
        assert child.poll() is None, "it ended before it was killed"
        held = read_note(note, part.stat().st_size).length if part.exists() else 0
    child.kill()
    child.communicate()
    assert child.returncode == -signal.SIGKILL
    held = read_note(note, part.stat().st_size).length
    assert part.read_bytes()[:held] == BODY[:held]
    return held


def settled(count):
    """Give a count once it stands still: what was on its way to who was killed is counted a little later."""
    last = None
    while last != (last := count()):
        time.sleep(0.05)
    return last


@pytest.mark.parametrize(
    ("way", "loop"), [*[(way, "asyncio") for way in WAYS], ("s3-seaweed", "trio"), ("ftps", "trio")]
)
def test_a_later_process_asks_only_for_the_rest(way, loop, request, tmp_path):
    make, what = WAYS[way]
    to = tmp_path / "body"
    with make(what, request) as served:
        served.silence()
        held = killed_with_some(served, to, loop, least=2_000_000)
        assert held <= STOP
        served.speak()
        before = settled(served.sent)
        with start(served, to, loop) as child:
            resumed, transferred = json.loads(child.stdout.read())
        sent = served.sent() - before
    assert to.read_bytes() == BODY
    assert os.listdir(tmp_path) == ["body"]
    assert (resumed, transferred) == (held, len(BODY) - held)
    assert len(BODY) - held <= sent <= len(BODY) - held + served.slack


@pytest.mark.skipif(missing("vsftpd") is not None, reason=str(missing("vsftpd")))
def test_what_a_real_ftp_server_writes_down(tmp_path):
    root, to = tmp_path / "root", tmp_path / "to" / "body"
    for one in (root, to.parent):
        one.mkdir()
    for one in (root, *list(root.parents)[:3]):
        one.chmod(0o755)  # it serves as another user
    (root / "f").write_bytes(BODY)
    with vsftpd(root, tmp_path) as far:
        served = Served(far.url("f"), {}, None, None, None)
        held = killed_with_some(served, to, "asyncio", least=1_000_000, rate=8_000_000)
        with start(served, to, "asyncio") as child:
            resumed, transferred = json.loads(child.stdout.read())
        # of the killed one it may say so, too: all was in the sockets' buffers by then
        *_, line = [one for one in far.log.read_text().splitlines() if "OK DOWNLOAD" in one]
    assert to.read_bytes() == BODY
    assert (resumed, transferred) == (held, len(BODY) - held)
    assert f" {len(BODY) - held} bytes" in line


def test_every_scheme_is_among_them():
    assert {way.partition("-")[0] for way in WAYS} == set(PLACES) - {"https", "file"}
