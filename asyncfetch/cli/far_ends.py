"""The far ends of the demonstration: a real server, or a folder, for every scheme. One entry in FAR_ENDS adds another.

All are on this machine; what they need beyond the standard library is the extra ``testing``.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import asyncfetch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from asyncfetch.testing import HttpServer, Pattern


@dataclass(frozen=True, slots=True)
class FarEnd:
    """A far end that runs: ``put`` gives the URL under which bytes are then found.

    ``settings`` is what a client is told in order to reach it; ``server`` the scriptable server, where it is one.
    """

    put: Callable[[str, Pattern], str]
    settings: Callable[[asyncfetch.Settings], asyncfetch.Settings] = lambda settings: settings
    server: HttpServer | None = None


@contextmanager
def _http(_folder: str) -> Iterator[FarEnd]:
    from asyncfetch.testing import HttpServer

    with HttpServer() as server:
        yield FarEnd(lambda name, data: server.serve(f"/{name}", data).url, server=server)


@contextmanager
def _https(folder: str) -> Iterator[FarEnd]:
    from asyncfetch.testing import Authority, HttpServer

    authority = Authority()
    certificate = authority.write(os.path.join(folder, "authority.pem"))
    with HttpServer(tls=authority) as server:
        yield FarEnd(
            lambda name, data: server.serve(f"/{name}", data).url,
            lambda settings: replace(settings, trust=asyncfetch.Trust(verify=certificate)),
            server,
        )


@contextmanager
def _file(folder: str) -> Iterator[FarEnd]:
    shelf = Path(folder, "shelf")
    shelf.mkdir()

    def put(name: str, data: Pattern) -> str:
        (shelf / name).write_bytes(data.read())
        return (shelf / name).as_uri()

    yield FarEnd(put)


FAR_ENDS: dict[str, Callable[[str], AbstractContextManager[FarEnd]]] = {"http": _http, "https": _https, "file": _file}
