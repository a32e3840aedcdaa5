"""Proxies on loopback, in threads: HTTP (forwarding and CONNECT) and SOCKS5, each with or without user and password."""

from __future__ import annotations

import base64
import select
import socket
import socketserver
import threading
from contextlib import contextmanager, suppress


class Proxy:
    """What a running proxy is: its port, and what it was asked for."""

    def __init__(self, user=None, *, refuse=None):
        self.user = user
        self.refuse = refuse
        self.asked = []
        self.port = 0

    def url(self, scheme="http"):
        who = f"{self.user[0]}:{self.user[1]}@" if self.user else ""
        return f"{scheme}://{who}127.0.0.1:{self.port}"


def pipe(one, other):
    """Carry bytes both ways until either end is over."""
    with suppress(OSError):
        while True:
            for ready in select.select([one, other], [], [])[0]:
                data = ready.recv(65536)
                if not data:
                    return
                (other if ready is one else one).sendall(data)


def serve_http(proxy, client):
    head = b""
    while b"\r\n\r\n" not in head:
        more = client.recv(65536)
        if not more:
            return
        head += more
    line, _, rest = head.partition(b"\r\n")
    method, target, _ = line.decode().split(" ")
    proxy.asked.append(f"{method} {target}")
    if proxy.user is not None:
        wanted = base64.b64encode(":".join(proxy.user).encode())
        if b"Proxy-Authorization: Basic " + wanted + b"\r\n" not in rest:
            client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            return
    if proxy.refuse:
        client.sendall(f"HTTP/1.1 {proxy.refuse}\r\nContent-Length: 0\r\n\r\n".encode())
        return
    place = target if method == "CONNECT" else target.split("/")[2]
    host, _, port = place.rpartition(":")
    with socket.create_connection((host.strip("[]"), int(port))) as far:
        if method == "CONNECT":
            client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        else:
            far.sendall(head)
        pipe(client, far)


def exactly(sock, count):
    data = b""
    while len(data) < count:
        more = sock.recv(count - len(data))
        if not more:
            raise OSError("gone")
        data += more
    return data


def serve_socks(proxy, client):
    """RFC 1928 and RFC 1929."""
    _, count = exactly(client, 2)
    methods = exactly(client, count)
    method = 2 if proxy.user is not None else 0
    if method not in methods:
        client.sendall(b"\x05\xff")
        return
    client.sendall(bytes([5, method]))
    if method == 2:
        user = exactly(client, exactly(client, 2)[1])
        password = exactly(client, exactly(client, 1)[0])
        good = (user.decode(), password.decode()) == proxy.user
        client.sendall(b"\x01\x00" if good else b"\x01\x01")
        if not good:
            return
    kind = exactly(client, 4)[3]
    if kind == 3:
        host = exactly(client, exactly(client, 1)[0]).decode()
    elif kind == 1:
        host = socket.inet_ntop(socket.AF_INET, exactly(client, 4))
    else:
        host = socket.inet_ntop(socket.AF_INET6, exactly(client, 16))
    port = int.from_bytes(exactly(client, 2), "big")
    proxy.asked.append(f"{host}:{port}")
    if proxy.refuse:
        client.sendall(b"\x05\x05\x00\x01" + bytes(6))
        return
    with socket.create_connection((host, port)) as far:
        client.sendall(b"\x05\x00\x00\x01" + bytes(6))
        pipe(client, far)


@contextmanager
def running(serve, user=None, *, refuse=None):
    """Run a proxy until the block ends; every connection is closed then."""
    proxy = Proxy(user, refuse=refuse)
    opened = set()

    class Conversation(socketserver.BaseRequestHandler):
        def handle(self):
            opened.add(self.request)
            with suppress(OSError):
                serve(proxy, self.request)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = False

    with Server(("127.0.0.1", 0), Conversation) as server:
        proxy.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield proxy
        finally:
            server.shutdown()
            thread.join()
            for sock in opened:
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
