"""Proxies as companies run them: squid and tinyproxy (HTTP), microsocks (SOCKS5), each open or for those it knows.

squid also fetches ftp URLs itself. ``PROXIES`` names what there is; each gives the port at which it listens.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from .process import find, free_port, place, running

if TYPE_CHECKING:
    from collections.abc import Iterator

_SQUID = """
http_port 127.0.0.1:{port}
{knowing}
acl here dst 127.0.0.0/8 ::1
http_access deny !here
{access}
cache deny all
cache_mem 8 MB
access_log stdio:{folder}/access
cache_log {folder}/cache
pid_filename {folder}/pid
coredump_dir {folder}
mime_table {share}/mime.conf
icon_directory {share}/icons
error_directory {folder}
err_page_stylesheet {etc}/errorpage.css
visible_hostname testing.example
shutdown_lifetime 0 seconds
pinger_enable off
unlinkd_program {lib}/unlinkd
logfile_rotate 0
request_header_access X-Forwarded-For deny all
{run_as}
"""
_TINYPROXY = """
Port {port}
Listen 127.0.0.1
Timeout 60
MaxClients 100
Allow 127.0.0.1
LogLevel Info
LogFile "{folder}/log"
{knowing}
"""


def missing(name: str) -> str | None:
    """Why this proxy cannot be used here; None when it can."""
    if find(name) is None:
        return f"{name} is not here (tests/servers/install.sh gets it)"
    if name == "squid" and hasattr(os, "geteuid") and os.geteuid() == 0 and not _is_open(place()):
        return "squid is not run as root, and nobody else may read the folder it is in"
    return None


@contextmanager
def squid(folder: Path, user: str | None = None, password: str = "") -> Iterator[int]:
    """Run squid, for anyone or for one user (RFC 7617); gives its port."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="squid-") as own:  # root it will not be, and pytest's folders are root's
        if os.geteuid() == 0:
            shutil.chown(own, "nobody")
        settings = _squid_settings(Path(own), port, user, password)
        Path(own, "squid.conf").write_text(settings)
        program = find("squid")
        assert program is not None
        with running([program, "-n", f"t{port}", "-N", "-f", f"{own}/squid.conf"], port, folder / f"squid-{port}"):
            yield port


def _squid_settings(folder: Path, port: int, user: str | None, password: str) -> str:
    knowing, access = "", "http_access allow all"
    if user is not None:
        checked = subprocess.run(
            ["openssl", "passwd", "-apr1", "-stdin"], input=password, capture_output=True, text=True, check=True
        )
        (folder / "known").write_text(f"{user}:{checked.stdout}")
        (folder / "known").chmod(0o644)
        program = _unpacked("usr/lib/squid/basic_ncsa_auth")
        knowing = f"auth_param basic program {program} {folder}/known\nacl known proxy_auth REQUIRED"
        access = "http_access deny !known\nhttp_access allow all"
    return _SQUID.format(
        port=port, folder=folder, knowing=knowing, access=access,
        etc=_unpacked("etc/squid"), share=_unpacked("usr/share/squid"), lib=_unpacked("usr/lib/squid"),
        run_as="cache_effective_user nobody\ncache_effective_group nogroup" if os.geteuid() == 0 else "",
    )  # fmt: skip


@contextmanager
def tinyproxy(folder: Path, user: str | None = None, password: str = "") -> Iterator[int]:
    """Run tinyproxy, for anyone or for one user; gives its port."""
    port, folder = free_port(), _folder(folder, f"tinyproxy-{user or 'open'}")
    knowing = "" if user is None else f"BasicAuth {user} {password}"
    (folder / "tinyproxy.conf").write_text(_TINYPROXY.format(port=port, folder=folder, knowing=knowing))
    program = find("tinyproxy")
    assert program is not None
    with running([program, "-d", "-c", str(folder / "tinyproxy.conf")], port, folder / "output"):
        yield port


@contextmanager
def microsocks(folder: Path, user: str | None = None, password: str = "") -> Iterator[int]:
    """Run microsocks, for anyone or for one user (RFC 1929); gives its port."""
    port, folder = free_port(), _folder(folder, f"microsocks-{user or 'open'}")
    program = find("microsocks")
    assert program is not None
    knowing = [] if user is None else ["-u", user, "-P", password]
    with running([program, "-i", "127.0.0.1", "-p", str(port), *knowing], port, folder / "output"):
        yield port


PROXIES = {"squid": squid, "tinyproxy": tinyproxy, "microsocks": microsocks}


def _folder(parent: Path, name: str) -> Path:
    folder = parent / name
    folder.mkdir()
    return folder


def _unpacked(path: str) -> str:
    unpacked = place() / path
    return str(unpacked) if unpacked.exists() else f"/{path}"


def _is_open(folder: Path) -> bool:
    return all(one.stat().st_mode & 0o001 for one in (folder, *folder.resolve().parents) if one.exists())
