"""The world of the matrix, started once a module; and names that all lead to this machine."""

import socket
from contextlib import ExitStack

import pytest

from .places import open_world


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with ExitStack() as stack:
        yield open_world(stack, tmp_path_factory.mktemp("world"))


@pytest.fixture
def everywhere(monkeypatch):
    """Let every name lead to this machine."""
    real = socket.getaddrinfo

    def here(host, port, *args, **kwargs):
        return real("127.0.0.1", port, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", here)
    try:
        import trio

        async def here_too(host, port, *args, **kwargs):
            return real("127.0.0.1", port, *args, **kwargs)

        monkeypatch.setattr(trio.socket, "getaddrinfo", here_too)
    except ImportError:
        pass
