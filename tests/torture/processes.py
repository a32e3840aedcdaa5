"""Processes that fetch and are killed: one that has loaded everything forks for each."""

import contextlib
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


class Nursery:
    """Forks fetching processes on demand: ``start`` gives the number of the process, ``wait`` what it fetched."""

    def __enter__(self):
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.torture.processes"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        return self

    def __exit__(self, *exc_info):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()

    def _ask(self, *order):
        pickle.dump(order, self._process.stdin)
        self._process.stdin.flush()
        return pickle.load(self._process.stdout)

    def start(self, wishes, settings=None):
        """Start fetching (url, to, digest) each, all at once."""
        return self._ask("start", wishes, settings)

    def wait(self, child):
        """Wait for the end: (bytes transferred, resumed from) of each wish, or what went wrong; None if killed."""
        return self._ask("wait", child, None)


def kill(child, number=signal.SIGKILL):
    os.kill(child, number)


def _fetch(wishes, settings):
    import anyio

    from asyncfetch import Client, Fetch, Result, Settings

    async def main():
        async with Client(settings=settings or Settings(trust_env=False)) as client:
            outcomes = await client.fetch_all(Fetch(url, to, digest=digest) for url, to, digest in wishes)
        return [(one.transferred, one.resumed_from) if isinstance(one, Result) else repr(one) for one in outcomes]

    return anyio.run(main)


def _start(wishes, settings):
    told, telling = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        with contextlib.suppress(BaseException):
            os.close(told)
            with os.fdopen(telling, "wb") as stream:
                pickle.dump(_fetch(wishes, settings), stream)
            status = 0
        os._exit(status)
    os.close(telling)
    return child, told


def main():
    import tempfile

    from asyncfetch import sync  # noqa: F401 - loaded once, not in each fork
    from asyncfetch.testing import HttpServer

    # the first fetch loads what is loaded on first use; in a child of its own it would be loaded again and again
    with HttpServer() as server, tempfile.TemporaryDirectory() as folder:
        _fetch([(server.serve("/first", b"x").url, os.path.join(folder, "first"), None)], None)
    pipes = {}
    answers = os.fdopen(os.dup(1), "wb")
    while True:
        try:
            what, subject, settings = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        if what == "start":
            child, pipes[child] = _start(subject, settings)
            answer = child
        else:
            with os.fdopen(pipes.pop(subject), "rb") as stream:
                said = stream.read()
            _, status = os.waitpid(subject, 0)
            answer = pickle.loads(said) if status == 0 else None
        pickle.dump(answer, answers)
        answers.flush()


if __name__ == "__main__":
    main()
