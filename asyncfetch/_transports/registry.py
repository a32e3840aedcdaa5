"""Which transport serves a scheme: ours by name, imported on first use, then the plugins of other packages.

A transport is made by ``Class(settings, *, auth, lend)``: ``auth`` is the client's mapping from URL prefix to
credentials, or None, and ``await lend("https")`` gives another transport of the same client, which the client closes.
A package adds schemes by entry points of the group ``asyncfetch.transports``::

    [project.entry-points."asyncfetch.transports"]
    sftp = "my_package.sftp:SftpTransport"
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Protocol

from .._model.errors import MistakeError, UnsupportedScheme

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from typing import Any

    from .._model.ports import Transport
    from .._model.settings import Settings

    Lend = Callable[[str], Awaitable[Transport]]

GROUP = "asyncfetch.transports"
HOMES = {
    "file": ".file:FileTransport",
    "ftp": ".ftp:FtpTransport",
    "ftps": ".ftp:FtpTransport",
    "http": ".http.transport:HttpTransport",
    "https": ".http.transport:HttpTransport",
    "s3": ".s3:S3Transport",
}


class Maker(Protocol):
    """What makes a transport: its class, as a rule."""

    def __call__(self, settings: Settings, *, auth: Mapping[str, Any] | None, lend: Lend) -> Transport:
        """Make a transport of one client."""


def maker(scheme: str) -> Maker:
    """Find what makes the transport of a scheme. It may import a library for 300 ms: call it in a thread.

    Raises UnsupportedScheme when there is none, MistakeError when the plugin that should serve it does not load.
    """
    home = HOMES.get(scheme)
    if home is not None:
        module, _, name = home.partition(":")
        made: Maker = getattr(import_module(module, __package__), name)
        return made
    plugins = _plugins()
    if scheme not in plugins:
        raise UnsupportedScheme(f"no transport for {scheme}://; there is {', '.join(sorted({*HOMES, *plugins}))}")
    try:
        made = plugins[scheme].load()
    except Exception as error:
        raise MistakeError(
            f"the plugin for {scheme}:// ({plugins[scheme].value}) does not load: {type(error).__name__}: {error}"
        ) from error
    return made


def _plugins() -> dict[str, Any]:
    from importlib.metadata import entry_points  # 20 ms, and only for what is not ours

    return {point.name.lower(): point for point in entry_points(group=GROUP)}
