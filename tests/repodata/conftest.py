"""A channel on a loopback server, and a cache folder that is not there yet."""

import pytest

from asyncfetch.testing import HttpServer

from .scene import Served


@pytest.fixture
def channel(http_server):
    return Served(http_server)


@pytest.fixture
def elsewhere():
    """Another host."""
    with HttpServer() as server:
        yield server


@pytest.fixture
def folder(tmp_path):
    return str(tmp_path / "pkgs" / "cache")
