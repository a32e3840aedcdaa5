"""Two subdirs of shards on a loopback server."""

import pytest

from asyncfetch.testing import HttpServer

from .channel import Sharded
from .scene import LINUX, NOARCH, serve


@pytest.fixture
def server():
    with HttpServer() as one:
        yield one


@pytest.fixture
def linux(server):
    channel = Sharded(LINUX)
    channel.served = serve(server, channel)
    return channel


@pytest.fixture
def noarch(server):
    channel = Sharded(NOARCH, "noarch")
    channel.served = serve(server, channel)
    return channel
