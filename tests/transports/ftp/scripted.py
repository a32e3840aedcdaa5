"""A server that says what a script tells it to, in a thread of its own; for what no real server says.

The script maps a command's first word to a reply, or to a list of replies, one for each time. A reply is bytes as they
go out; None closes the connection. What is not in the script is answered as a plain server would, ``data`` being every
file. "HELLO" is the greeting, "DONE" the reply after the data; a "PASV" with two %d says where it listens.
"""

from __future__ import annotations

import contextlib
import socket
import threading

PLAIN = {
    "HELLO": b"220 hello\r\n", "USER": b"331 who\r\n", "PASS": b"230 in\r\n", "TYPE": b"200 ok\r\n",
    "MDTM": b"213 20200101000000\r\n", "RETR": b"150 here\r\n", "DONE": b"226 done\r\n", "REST": b"350 go\r\n",
    "QUIT": b"221 bye\r\n", "PBSZ": b"200 ok\r\n", "PROT": b"200 ok\r\n",
}  # fmt: skip


class Scripted:
    """``port`` is where it listens; ``commands`` lists lines as they came."""

    def __init__(self, script=None, *, data=b"0123456789"):
        self.script = {key: list(value) if isinstance(value, list) else value for key, value in (script or {}).items()}
        self.data = data
        self.commands = []
        self.connections = 0

    def __enter__(self):
        self._stopping = False
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._open = []
        self._threads = [threading.Thread(target=self._accept, name="asyncfetch-scripted")]
        self._threads[0].start()
        return self

    def __exit__(self, *exc_info):
        self._stopping = True
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port)).close()
        self._threads[0].join()
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        for thread in self._threads:
            thread.join()
        self._listening.close()

    def url(self, path="f"):
        return f"ftp://127.0.0.1:{self.port}/{path}"

    def _accept(self):
        while True:
            wire, _ = self._listening.accept()
            if self._stopping:
                wire.close()
                return
            self.connections += 1
            self._open.append(wire)
            self._threads.append(threading.Thread(target=self._serve, args=(wire,), name="asyncfetch-scripted"))
            self._threads[-1].start()

    def _serve(self, wire):
        with contextlib.suppress(OSError, ValueError), wire, wire.makefile("rb") as lines:
            self._data, offset = None, 0
            if not self._say(wire, "HELLO"):
                return
            for line in lines:
                self.commands.append(line.decode("latin-1").rstrip("\r\n"))
                word = line.split()[0].decode().upper()
                if not self._say(wire, word):
                    return
                if word == "REST":
                    offset = int(line.split()[1])
                if word == "RETR" and self._data is not None:
                    with self._data, self._data.accept()[0] as data:
                        data.sendall(self.data[offset:])
                    self._data, offset = None, 0
                    if not self._say(wire, "DONE"):
                        return

    def _listen(self):
        self._data = socket.create_server(("127.0.0.1", 0))
        self._open.append(self._data)
        return self._data.getsockname()[1]

    def _say(self, wire, word):
        reply = self.script.get(word, "plain")
        if isinstance(reply, list):
            reply = reply.pop(0) if reply else "plain"
        if reply == "plain":
            reply = self._plain(word)
        elif word == "PASV" and reply is not None and reply.count(b"%d") == 2:
            reply %= divmod(self._listen(), 256)
        if reply is None:
            return False
        wire.sendall(reply)
        return True

    def _plain(self, word):
        if word == "SIZE":
            return b"213 %d\r\n" % len(self.data)
        if word == "EPSV":
            return b"229 here (|||%d|)\r\n" % self._listen()
        return PLAIN.get(word, b"502 unknown\r\n")
