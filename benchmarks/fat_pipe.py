"""One large file over a long fat pipe on which a connection comes to its share only: ours against the link itself.

The pipe is emulated on loopback by a process that passes bytes on late (`link`), as no kernel module for it is needed;
what it does is the same each time, so one run of each says as much as many, and all of it ends within two minutes. The
link alone is what sixteen plain connections get out of it, with nothing to find out first.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tests.servers.process import free_port, running

from .measure import Errand
from .peers import CONTENDERS, OURS
from .report import Finding, compare
from .rows import Claim
from .work import FULL

if TYPE_CHECKING:
    from pathlib import Path

    from .far_ends import FarEnds
    from .measure import Bench
    from .work import Scale, Work

_RTT = 0.1  # seconds
_SECONDS = 45  # that the file takes at the rate of the link
_SHARE = 3.5  # connections that fill the link
_NOTE = "emulated by a relay on loopback: late bytes, a rate for all, a window for each connection"
_TITLE = "one large file, 100 ms away, a connection limited to 0.29 x the link"
_ALONE = "the same over one connection, a thirty-second of it"
_AGAINST = ("the link alone",)


def fat_pipe(bench: Bench, folder: Path, work: Work, ends: FarEnds, scale: Scale) -> list[Finding]:
    """How much of the link several connections fill, from the first request to the file in its place, and one."""
    if "http" not in ends.bases:
        return [Finding.missing("fat-pipe", _TITLE, ends.absent["http"])]
    if scale is not FULL:
        return [Finding.missing("fat-pipe", _TITLE, "it takes minutes: in the full run only")]
    target, port = int(ends.bases["http"].rstrip("/").rpartition(":")[2]), free_port()
    rate = work.files["large"][0].size / _SECONDS
    line = [str(port), str(target), f"{rate:.0f}", str(_RTT), f"{rate / _SHARE * _RTT:.0f}"]
    with running([sys.executable, "-m", "benchmarks.link", *line], port, folder / "link"):
        ends.bases["far"] = f"http://127.0.0.1:{port}/"
        contenders = [CONTENDERS[name] for name in (OURS, *_AGAINST)]
        series = bench.alternate(contenders, Errand("far", work.files["large"], width=8), 1)
        single = bench.alternate(contenders, Errand("far", work.files["share"], width=1), 1)
    return [
        compare("fat-pipe", _TITLE, Claim("speed", 0.9, None, _AGAINST), series, OURS, note=_NOTE),
        compare("fat-pipe-one", _ALONE, Claim("speed", None, None, _AGAINST), single, OURS),
    ]
