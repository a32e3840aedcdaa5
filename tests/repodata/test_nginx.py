"""Forty subdirs from nginx, counted there: cold, within max-age, expired, and with one of them changed.

``ASYNCFETCH_REPODATA`` is the size of each repodata.json in bytes; 30000000 is that of a large channel.
"""

import functools
import os
import time
from contextlib import contextmanager

import pytest

from asyncfetch import sync

from ..servers.process import find, free_port, running
from .scene import age, compressed, conda_asks, contents, repodata

pytestmark = pytest.mark.skipif(find("nginx") is None, reason="nginx is not installed")
SIZE = int(os.environ.get("ASYNCFETCH_REPODATA", "100000"))
SUBDIRS = [f"subdir-{number}" for number in range(39)] + ["noarch"]

_SETTINGS = """
{user} worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/errors;
events {{ worker_connections 256; }}
http {{
  default_type application/octet-stream;
  log_format brief "$request_uri $status $body_bytes_sent"; access_log {folder}/access brief;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{
    listen 127.0.0.1:{port}; root {folder}/root; keepalive_requests 1000000;
    location /channel/ {{ add_header Cache-Control "public, max-age=1200"; }}
  }}
}}
"""


@contextmanager
def serving(folder):
    port = free_port()
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(_SETTINGS.format(folder=folder, port=port, user=user))
    command = [find("nginx"), "-c", str(folder / "nginx.conf"), "-e", str(folder / "errors")]
    with running(command, port, folder / "output"):
        yield f"http://127.0.0.1:{port}/channel"


class Log:
    """What nginx says it sent since it was last asked."""

    def __init__(self, path):
        self._path = path
        self._read = 0

    def news(self, count):
        """The lines that came, (file, status, bytes of body) each; nginx writes them once it is done with a request."""
        until = time.monotonic() + 10
        while len(lines := self._path.read_text().splitlines()[self._read :]) < count and time.monotonic() < until:
            time.sleep(0.01)
        self._read += len(lines)
        found = [line.split() for line in lines]
        return sorted((name.removeprefix("/channel/"), int(status), int(sent)) for name, status, sent in found)


@functools.cache
def whole():
    return repodata("", max(10, SIZE // 55), version="")


def body(subdir, version=0):
    """They differ at both ends."""
    head, _, tail = whole().partition(b'"subdir": "')
    return b'%s"subdir": "%s%s%d"}' % (head, subdir.encode(), tail.removesuffix(b'"}'), version)


def publish(folder, subdir, version=0):
    data = body(subdir, version)
    place = folder / "root" / "channel" / subdir
    place.mkdir(parents=True, exist_ok=True)
    small = compressed(data)
    (place / "repodata.json.zst").write_bytes(small)
    (place / "repodata.json").write_bytes(data)
    for one in place.iterdir():  # the time is half of nginx's entity tag, and has seconds only
        os.utime(one, (1_700_000_000 + version, 1_700_000_000 + version))
    return len(small)


@pytest.mark.timeout(60 + SIZE // 50_000)
def test_requests_and_bytes_counted_at_the_server(tmp_path):
    cache = str(tmp_path / "cache")
    sizes = {subdir: publish(tmp_path, subdir) for subdir in SUBDIRS}
    with serving(tmp_path) as channel:
        log = Log(tmp_path / "access")

        def refresh(what, **more):
            began = time.perf_counter()
            outcomes = sync.prefetch([channel], SUBDIRS, cache, **more)
            print(f"{what}: {time.perf_counter() - began:.3f} s")
            assert not [one.error for one in outcomes if one.error]
            assert all(conda_asks(f"{channel}/{subdir}", cache) is None for subdir in SUBDIRS)
            return outcomes

        cold = refresh("cold")
        assert {one.status for one in cold} == {"fetched"}
        wanted = sorted((f"{subdir}/repodata.json.zst", 200, size) for subdir, size in sizes.items())
        assert log.news(len(SUBDIRS)) == wanted
        assert all(contents(one.path) == body(one.subdir) for one in cold)

        warm = refresh("within max-age")
        assert {one.status for one in warm} == {"fresh"}

        for one in cold:
            age(one.path, refresh_ns=1)
        expired = refresh("expired")
        assert {(one.status, one.bytes_transferred) for one in expired} == {("unchanged", 0)}
        # the requests within max-age would be here too, had there been any
        assert log.news(len(SUBDIRS)) == sorted((f"{subdir}/repodata.json.zst", 304, 0) for subdir in SUBDIRS)

        changed = body("subdir-7", version=1)
        size = publish(tmp_path, "subdir-7", version=1)
        outcomes = refresh("one changed", ttl=0)
        assert [one.subdir for one in outcomes if one.status == "fetched"] == ["subdir-7"]
        assert contents(outcomes[7].path) == changed
        news = log.news(len(SUBDIRS))
        assert [line for line in news if line[1] == 200] == [("subdir-7/repodata.json.zst", 200, size)]
        assert sum(sent for _, _, sent in news) == size
        assert len(news) == len(SUBDIRS)
