"""A process that is killed by itself at the n-th operation on the disk; run by test_kill.py.

``python -m tests.client.killing FOLDER SCENE``: for n = 1, 2, ... a fork fetches into FOLDER/n and is gone with SIGKILL
before its n-th operation; the last one, which is not, ends it. One line of output for each: n and the status. Where
each of them waits for the disk, every third is enough.
"""

import asyncio  # noqa: F401 - loaded once, not once a fork
import hashlib  # noqa: F401 - as above
import os
import signal
import sys
from pathlib import Path

import anyio
import anyio._backends._asyncio

from asyncfetch import Interrupted, Retry
from asyncfetch.testing import Cut

from ..disk.torture import Torture
from ..thorough import times
from .scene import LARGE, SMALL, client, digest_of, far_end

# name -> body, with its digest?, what lies there: nothing, an old file, or a part of the body, or of another one
SCENES = {
    "small": (SMALL, False, "old"),
    "large": (LARGE, True, "nothing"),
    "other-part": (SMALL, False, "other part"),
    "durable": (LARGE, False, "part"),
}
OTHER = LARGE[::-1]


async def prepare(scene, folder):
    """Put there what is there before."""
    _, _, there = SCENES[scene]
    path = os.path.join(folder, "file")
    if there == "old":
        Path(path).write_bytes(b"old")
    elif there.endswith("part"):
        far = far_end()
        body = OTHER if there == "other part" else LARGE
        page = far.publish("/page", body, faults=[Cut(2_000_000)], last_modified=None)
        async with client(far, retry=Retry(attempts=1)) as one:
            try:
                await one.fetch(page.url, path)
            except Interrupted:
                assert os.path.getsize(path + ".part") == 2_000_000


async def fetch(scene, folder):
    """The fetch that is killed, and the one that follows; gives its result and the page that was asked."""
    body, digested, _ = SCENES[scene]
    far = far_end()
    page = far.publish("/page", body, last_modified=None)
    async with client(far, durable=scene == "durable") as one:
        result = await one.fetch(page.url, os.path.join(folder, "file"), digest=digest_of(body) if digested else None)
    return result, page


def main():
    folder, scene = sys.argv[1:]
    for number in range(1, 300, times(3, 1) if scene == "durable" else 1):
        place = os.path.join(folder, str(number))
        os.mkdir(place)
        child = os.fork()
        if child == 0:
            try:
                anyio.run(prepare, scene, place)
                die = lambda _: os.kill(os.getpid(), signal.SIGKILL)  # noqa: E731 - an argument
                with Torture(number, die).inflicted():
                    anyio.run(fetch, scene, place)
            except BaseException as error:
                sys.stderr.write(f"{error!r}\n")
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(number, os.waitstatus_to_exitcode(status), flush=True)
        if status == 0:
            return


if __name__ == "__main__":
    main()
