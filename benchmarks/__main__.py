"""``python -m benchmarks [--quick] [--only ROW...] [--to FOLDER]``; ``python -m benchmarks profile ROW``."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

import asyncfetch

from .channel import repodata
from .far_ends import KEYS, far_ends
from .fat_pipe import fat_pipe
from .measure import Bench, Errand
from .peers import CONTENDERS, HOME, OURS, install
from .plot import paint, plot
from .report import Finding, as_json, as_markdown, compare
from .rows import ROWS, UNMEASURED
from .startup import facade, imports, one_file, queue
from .work import FULL, QUICK, SCALES, Scale, Work, place

_OTHERS = ("import", "one-file", "facade", "queue", "repodata", "fat-pipe")
_FILES = {"facade": {"in_turn"}, "fat-pipe": {"large", "share"}}  # what those of them need made


def main(arguments: list[str]) -> int:
    """Run what the command line asks for."""
    options = _parser().parse_args(arguments)
    if options.install_peers:
        install()
        return 0
    if options.what == "profile":
        from .hot_loop import profile

        return profile(options.row, options.scale or FULL.name, options.loop, options.stacks)
    scale = QUICK if options.quick else SCALES[options.scale or FULL.name]
    names = {row.name for row in ROWS} | set(_OTHERS)
    if unknown := set(options.only or ()) - names:
        print(f"no row is called {', '.join(sorted(unknown))}; there are {', '.join(sorted(names))}", file=sys.stderr)
        return 2
    began = time.monotonic()
    findings, pictures, about = run(scale, set(options.only or names))
    about["took"] = f"{time.monotonic() - began:.0f} s"
    told = as_markdown(findings, pictures, about, {} if options.only else UNMEASURED)
    to = Path(options.to)
    to.mkdir(parents=True, exist_ok=True)
    series = {row: found for row, (_, found) in pictures.items()}
    (to / "results.json").write_text(json.dumps(as_json(findings, series, about), indent=1), "utf-8")
    (to / "results.md").write_text(told, "utf-8")
    (to / "results.svg").write_text(plot(pictures), "utf-8")
    painted = ", results.png" if paint(to / "results.svg", to / "results.png") else "; no PNG without resvg-py"
    print(told)
    print(f"written to {to}: results.json, results.md, results.svg{painted}", file=sys.stderr)
    return 0


def run(scale: Scale, only: set[str]) -> tuple[list[Finding], dict[str, Any], dict[str, Any]]:
    """Measure the rows asked for; gives findings, all runs by row, and what they were made with."""
    rows = [row for row in ROWS if row.name in only and (row.contenders or scale is not QUICK)]
    findings: list[Finding] = []
    pictures: dict[str, Any] = {}
    with place(scale) as folder:
        _say(f"making the files in {folder}")
        work = Work(
            folder / "served",
            scale,
            {row.files for row in rows}.union(*[files for name, files in _FILES.items() if name in only]),
        )
        (folder / "far_ends").mkdir()
        with far_ends(folder / "far_ends", work, {row.scheme for row in rows} | {"http"} | _tls(rows)) as ends:
            bench = Bench(folder, ends, work.files["warm"][0], KEYS)
            about = _about(scale, ends.names, folder)
            for row in rows:
                _say(row.title)
                names = row.contenders if scale is QUICK else tuple(dict.fromkeys(row.contenders + row.more))
                errand = Errand(row.scheme, work.files[row.files], row.width, verified=row.verified)
                series = bench.alternate([CONTENDERS[name] for name in names], errand, scale.rounds)
                pictures[row.name] = (f"{row.title}: {_amount(errand)}", series)
                findings += [compare(row.name, row.title, claim, series, OURS) for claim in row.claims]
            others = {
                "import": lambda: imports(scale.rounds),
                "one-file": lambda: one_file(folder, work, ends, scale.rounds),
                "facade": lambda: facade(bench, work, scale.rounds),
                "queue": lambda: queue(bench, work, scale),
                "fat-pipe": lambda: fat_pipe(bench, folder, work, ends, scale),
                "repodata": lambda: repodata(folder, work.root, ends, scale),
            }
            for name in _OTHERS:
                if name in only:
                    _say(name)
                    found = others[name]()
                    findings += found
                    pictures |= {one.row: (one.title, one.series) for one in found}
    return findings, pictures, about


def _tls(rows: list[Any]) -> set[str]:
    return {"https"} if any(row.scheme == "https" for row in rows) else set()


def _amount(errand: Errand) -> str:
    size = sum(file.size for file in errand.files) / 1e6
    return f"{len(errand.files)} x, {size:,.0f} MB"


def _about(scale: Scale, servers: dict[str, str], folder: Path) -> dict[str, Any]:
    return {
        "asyncfetch": asyncfetch.__version__,
        "scale": f"{scale.name}, {scale.rounds} runs of each",
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {_processor()}; {platform.system()} "
        f"{platform.release()}; Python {platform.python_version()}",
        "load before": f"{os.getloadavg()[0]:.1f} (others at work on the machine show here and in every run)",
        "far ends": ", ".join(f"{scheme}: {name}" for scheme, name in servers.items()),
        "files": f"a RAM disk ({folder.parent})" if str(folder).startswith("/dev/shm") else f"{folder.parent}",
        "command": f"python -m benchmarks{' --quick' if scale is QUICK else ''}",
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text("ascii", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"


def _say(what: str) -> None:
    print(f"... {what} (load {os.getloadavg()[0]:.1f})", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="asyncfetch beside its peers")
    parser.add_argument("what", nargs="?", choices=["profile"], help="profile: show where our time of a ROW goes")
    parser.add_argument("row", nargs="?", default="small", help="of the profile (default: small)")
    parser.add_argument("--quick", action="store_true", help="less of everything: under 3 minutes")
    parser.add_argument("--scale", choices=sorted(SCALES), help="tiny is for tests")
    parser.add_argument("--only", action="append", metavar="ROW", help="this row; may be given several times")
    parser.add_argument("--to", default=str(HOME / "benchmarks" / "results"), help="folder of the results")
    parser.add_argument("--loop", default="asyncio", choices=["asyncio", "uvloop"], help="of the profile")
    parser.add_argument("--stacks", metavar="FILE", help="folded stacks of the profile, for a flame graph")
    parser.add_argument("--install-peers", action="store_true", help="install the peers into .venv/bench, and end")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
