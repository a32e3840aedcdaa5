"""Several connections for one file, and one operation after the other goes wrong: the rules of torture hold for them.

``ASYNCFETCH_TORTURE=1`` strikes every operation; without it, some of them.
"""

import logging
import os

import pytest

from asyncfetch.testing import HttpFarEnd, HttpServer, Throttle
from asyncfetch.testing.torture import Wish, torture

from ..client.eager import Eager, use

WISHES = [Wish("lanes", 3_000_000, digest=True), Wish("more-lanes", 3_000_000, digest=True, before="islands")]
STRIDE = 1 if os.environ.get("ASYNCFETCH_TORTURE") else 29


class SlowFarEnd(HttpFarEnd):
    """Slow enough for other connections to be worth while; ``page`` is what it served last."""

    def publish(self, name, data):
        self.page = self.server.serve(f"/{name}", data, always=[Throttle(60_000_000, 64 * 1024)])
        return self.page.url


@pytest.fixture(autouse=True)
def _eager(monkeypatch):
    use(monkeypatch, Eager)
    logging.getLogger("asyncfetch").setLevel(logging.CRITICAL)  # a bug in a transport is logged; here it is on purpose
    yield
    logging.getLogger("asyncfetch").setLevel(logging.NOTSET)


@pytest.mark.parametrize("way", ["ENOSPC", "reset", "port", "bug", "cancelled"])
def test_every_operation_goes_wrong(way):
    with HttpServer() as server:
        far = SlowFarEnd(server)
        report = torture(far, ways=[way], wishes=WISHES, stride=STRIDE)
        ranges = {request.range for request in far.page.requests}
    print(f"\n{report}")
    assert report.rounds >= 2
    assert len(ranges) > 3, "one connection only"
