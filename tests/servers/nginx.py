"""nginx: HTTP/1.1 and HTTP/2 as the world serves them."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .process import find, free_port, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from asyncfetch.testing import Authority

_SETTINGS = """
{user} worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/errors;
events {{ worker_connections 256; }}
http {{
  default_type application/octet-stream;
  log_format brief "$server_protocol $request_method $request_uri $status"; access_log {folder}/access brief;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{
    listen 127.0.0.1:{port} ssl http2; ssl_certificate {folder}/pair.pem; ssl_certificate_key {folder}/pair.pem;
    root {folder}/root;
    location = /503 {{ add_header Retry-After 7 always; return 503; }}
    location = /302 {{ return 302 /a; }}
  }}
}}
"""


def missing() -> str | None:
    """Why nginx cannot be used here; None when it can."""
    return None if find("nginx") else "nginx is not installed"


@contextmanager
def nginx(folder: Path, authority: Authority) -> Iterator[str]:
    """Serve what is in ``folder/root`` over TLS, HTTP/1.1 and HTTP/2; gives the URL of the root."""
    port = free_port()
    # the folders of a test run are for their owner only: as root, its workers must not become nobody
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "root").mkdir()
    authority.write_client_certificate(folder / "pair.pem", "localhost")
    (folder / "nginx.conf").write_text(_SETTINGS.format(folder=folder, port=port, user=user))
    program = find("nginx")
    assert program is not None
    with running([program, "-c", str(folder / "nginx.conf"), "-e", str(folder / "errors")], port, folder / "output"):
        yield f"https://localhost:{port}/"
