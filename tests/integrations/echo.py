"""A server that says what it was sent, for what HttpServer does not take: bodies, cookies, challenges."""

from __future__ import annotations

import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

USER, PASSWORD = "me", "secret"
_REALM, _NONCE = "here", "0123"


class _Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __getattr__(self, name):
        if name.startswith("do_"):  # every method is answered alike
            return self._answer
        raise AttributeError(name)

    def _answer(self):
        path = self.path.partition("?")[0]
        length = self.headers.get("Content-Length")
        body = self.rfile.read(int(length)) if length else self._chunks()
        if path == "/digest" and not self._knows_digest():
            challenge = f'Digest realm="{_REALM}", nonce="{_NONCE}", algorithm=MD5'
            return self._say(401, {}, {"WWW-Authenticate": challenge})
        if path == "/cookie" and "Cookie" not in self.headers:
            return self._say(302, {}, {"Set-Cookie": "one=two; Path=/", "Location": "/cookie"})
        if path == "/303":
            return self._say(303, {}, {"Location": "/seen"})
        if path == "/307":
            return self._say(307, {}, {"Location": "/seen"})
        heard = {
            "method": self.command,
            "path": self.path,
            "headers": dict(self.headers),
            "body": body.decode("latin-1"),
        }
        return self._say(200, heard, {})

    def _chunks(self):
        body = b""
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        return body

    def _knows_digest(self):
        said = self.headers.get("Authorization", "")
        if not said.startswith("Digest "):
            return False
        fields = dict(part.strip().split("=", 1) for part in said[7:].split(","))
        one = hashlib.md5(f"{USER}:{_REALM}:{PASSWORD}".encode()).hexdigest()
        two = hashlib.md5(f"{self.command}:{self.path}".encode()).hexdigest()
        return fields["response"].strip('"') == hashlib.md5(f"{one}:{_NONCE}:{two}".encode()).hexdigest()

    def _say(self, status, heard, headers):
        body = json.dumps(heard).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Type": "application/json", "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *args):
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request, client_address):
        """A client that left is no error."""


@contextmanager
def echo_server():
    """Run it; gives its URL without a slash at the end."""
    with _Server(("127.0.0.1", 0), _Echo) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
