"""A real nginx on loopback, in a process of its own."""

import os
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager

BINARY = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")

_CONFIGURATION = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 512; }}
http {{
  access_log off; default_type application/octet-stream; keepalive_requests {requests}; keepalive_timeout 60;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  server {{
    listen 127.0.0.1:{plain}; listen 127.0.0.1:{secure} ssl; root {folder}/files;
    ssl_certificate {folder}/certificate.pem; ssl_certificate_key {folder}/certificate.pem;
    location /zipped/ {{ alias {folder}/files/; gzip on; gzip_types *; gzip_min_length 1; }}
    location /slow/ {{ alias {folder}/files/; limit_rate 2m; }}
  }}
}}
"""


class Nginx:
    """Where it listens, and the folder it serves."""

    def __init__(self, folder, plain, secure):
        self.files = os.path.join(folder, "files")
        self.http = f"http://127.0.0.1:{plain}"
        self.https = f"https://127.0.0.1:{secure}"

    def put(self, name, data):
        with open(os.path.join(self.files, name), "wb") as file:
            file.write(data)


def _free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@contextmanager
def nginx(folder, authority, *, requests=1000):
    """Run it. ``requests`` is how many a connection serves before nginx closes it."""
    folder = os.fspath(folder)
    os.mkdir(os.path.join(folder, "files"))
    certificate = authority._authority.issue_cert("localhost", "127.0.0.1")
    certificate.private_key_and_cert_chain_pem.write_to_path(os.path.join(folder, "certificate.pem"))
    plain, secure = _free_port(), _free_port()
    path = os.path.join(folder, "nginx.conf")
    with open(path, "w", encoding="ascii") as file:
        file.write(_CONFIGURATION.format(folder=folder, plain=plain, secure=secure, requests=requests))
    process = subprocess.Popen(
        [BINARY, "-c", path, "-p", folder, "-e", f"{folder}/error.log"], stderr=subprocess.DEVNULL
    )
    try:
        _wait_for(plain, process)
        yield Nginx(folder, plain, secure)
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(port, process):
    for _ in range(500):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert process.poll() is None, "nginx does not start"
            time.sleep(0.01)
        else:
            return
    raise AssertionError("nginx does not listen")
