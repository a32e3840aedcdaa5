"""Pytest fixtures; pytest loads this module in every run of everyone who has asyncfetch installed.

Rule: it imports nothing at load but pytest, and each fixture imports what it needs when it is used.

* ``http_server``: a fresh `HttpServer` for each test.
* ``https_server``: the same over TLS; its authority is ``certificate_authority``, and ``ca_file`` is the path of the
  certificate that clients are to trust.
* ``ftp_server``: a fresh `FtpServer` for each test.
* ``far_end``: a real `FarEnd`, the test runs once for each scheme; narrow it with
  ``@pytest.mark.parametrize("far_end", ["http"], indirect=True)``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .certificates import Authority
    from .far_ends import FarEnd
    from .ftp import FtpServer
    from .http import HttpServer

# written out, as reading far_ends.FAR_ENDS would load it; a test compares the two
SCHEMES = ("file", "ftp", "ftps", "http", "https", "s3")


@pytest.fixture
def http_server() -> Iterator[HttpServer]:
    """Serve http on loopback."""
    from .http import HttpServer

    with HttpServer() as server:
        yield server


@pytest.fixture(scope="session")
def certificate_authority() -> Authority:
    """Give a private certificate authority, one for the whole run."""
    from .certificates import Authority

    return Authority()


@pytest.fixture(scope="session")
def ca_file(certificate_authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give the path of the authority's certificate."""
    return certificate_authority.write(tmp_path_factory.mktemp("authority") / "ca.pem")


@pytest.fixture
def https_server(certificate_authority: Authority) -> Iterator[HttpServer]:
    """Serve https on loopback."""
    from .http import HttpServer

    with HttpServer(tls=certificate_authority) as server:
        yield server


@pytest.fixture
def ftp_server() -> Iterator[FtpServer]:
    """Serve ftp on loopback."""
    from .ftp import FtpServer

    with FtpServer() as server:
        yield server


@pytest.fixture(params=SCHEMES)
def far_end(request: pytest.FixtureRequest) -> Iterator[FarEnd]:
    """Give a place to publish bytes for each scheme, served on this machine."""
    from .far_ends import open_far_end

    with open_far_end(request.param) as place:
        yield place
