"""Who takes part: the program of each contender, what it needs, and the environment that has it.

Peers from PyPI are looked for in ``.venv/bench``, which `install` makes, then beside this Python.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HOME = Path(__file__).parents[1]
ENVIRONMENT = HOME / ".venv" / "bench"


@dataclass(frozen=True)
class Contender:
    """A program of `benchmarks.programs`; ``module`` or ``command`` is what it needs, ``loop`` what it runs on."""

    name: str
    program: str
    module: str | None = None
    command: str | None = None
    loop: str = "asyncio"
    package: str | None = None  # on PyPI, where it is called otherwise


OURS = "asyncfetch"
OURS_UVLOOP = "asyncfetch, uvloop"
_ALL = [
    Contender(OURS, "ours"),
    Contender(OURS_UVLOOP, "ours", loop="uvloop"),
    Contender("asyncfetch, in turn", "ours_in_turn"),
    Contender("asyncfetch.sync", "ours_sync"),
    Contender("asyncfetch, queue", "ours_queue"),
    Contender("sha256 alone", "hash_alone"),
    Contender("curl", "by_curl", command="curl"),
    Contender("aria2c", "by_aria2c", command="aria2c"),
    Contender("wget2", "by_wget2", command="wget2"),
    Contender("cp", "by_cp", command="cp"),
    Contender("aiohttp", "by_aiohttp", "aiohttp"),
    Contender("httpx", "by_httpx", "httpx"),
    Contender("httpx2", "by_httpx2", "httpx2"),
    Contender("requests", "by_requests", "requests"),
    Contender("pycurl", "by_pycurl", "pycurl"),
    Contender("obstore", "by_obstore", "obstore"),
    Contender("aiobotocore", "by_aiobotocore", "aiobotocore"),
    Contender("boto3", "by_boto3", "boto3"),
    Contender("aioftp", "by_aioftp", "aioftp"),
]
CONTENDERS = {one.name: one for one in _ALL}


def python_for(contender: Contender) -> str | None:
    """Give the Python that can run a contender; None when what it needs is nowhere."""
    if contender.command is not None:
        return sys.executable if shutil.which(contender.command) else None
    if contender.loop == "uvloop" and not _has(sys.executable, "uvloop"):
        return None
    if contender.module is None:
        return sys.executable
    inside = ENVIRONMENT / "bin" / "python"
    for python in (str(inside), sys.executable):
        if Path(python).exists() and _has(python, contender.module):
            return python
    return None


def install() -> None:
    """Make the peers' own environment and install those that pip can get, one by one: one may fail."""
    subprocess.run([sys.executable, "-m", "venv", str(ENVIRONMENT)], check=True)
    pip = [str(ENVIRONMENT / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for contender in _ALL:
        if contender.module is not None:
            done = subprocess.run([*pip, contender.package or contender.module], check=False)
            print(f"{contender.name}: {'installed' if done.returncode == 0 else 'could not be installed'}")


def _has(python: str, module: str) -> bool:
    look = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module!r}) is None)"
    return subprocess.run([python, "-c", look], check=False).returncode == 0
