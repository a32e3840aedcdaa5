"""Who takes part: the program of each contender, what it needs, and the environment that has it.

Peers are looked for in ``.venv/bench``, which `install` makes, then beside this Python and on the path of the system.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HOME = Path(__file__).parents[1]
ENVIRONMENT = HOME / ".venv" / "bench"
DEBIAN = ENVIRONMENT / "debian"  # programs that pip has not
_PACKAGES = ("aria2", "wget2", "lftp")


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
    Contender("the link alone", "link_alone"),
    Contender("the least", "the_least"),
    Contender("curl", "by_curl", command="curl"),
    Contender("aria2c", "by_aria2c", command="aria2c"),
    Contender("wget2", "by_wget2", command="wget2"),
    Contender("cp", "by_cp", command="cp"),
    Contender("aiohttp", "by_aiohttp", "aiohttp"),
    Contender("lftp", "by_lftp", command="lftp"),
    Contender("httpx", "by_httpx", "httpx"),
    Contender("httpx2", "by_httpx2", "httpx2"),
    Contender("requests", "by_requests", "requests"),
    Contender("pooch", "by_pooch", "pooch"),
    Contender("parfive", "by_parfive", "parfive"),
    Contender("pycurl", "by_pycurl", "pycurl"),
    Contender("obstore", "by_obstore", "obstore"),
    Contender("aiobotocore", "by_aiobotocore", "aiobotocore"),
    Contender("boto3", "by_boto3", "boto3"),
    Contender("boto3, CRT", "by_boto3_crt", "awscrt"),
    Contender("s5cmd", "by_s5cmd", "s5cmd"),
    Contender("asyncfetch.repodata", "ours_repodata"),
    Contender("py-rattler", "by_rattler", "rattler", package="py-rattler"),
    Contender("httpx and zstandard", "by_httpx_repodata", "zstandard"),
    Contender("aioftp", "by_aioftp", "aioftp"),
]
CONTENDERS = {one.name: one for one in _ALL}


def python_for(contender: Contender) -> str | None:
    """Give the Python that can run a contender; None when what it needs is nowhere."""
    if contender.command is not None:
        return sys.executable if shutil.which(contender.command, path=environment()["PATH"]) else None
    if contender.loop == "uvloop" and not _has(sys.executable, "uvloop"):
        return None
    if contender.module is None:
        return sys.executable
    for python in (peers_python(), sys.executable):
        if _has(python, contender.module):
            return python
    return None


def peers_python() -> str:
    """The Python of the peers' own environment, or this one."""
    inside = ENVIRONMENT / "bin" / "python"
    return str(inside) if inside.exists() else sys.executable


def install() -> None:
    """Make the peers' own environment: from pip all at once, or one by one as one may fail; from Debian where it is."""
    subprocess.run([sys.executable, "-m", "venv", str(ENVIRONMENT)], check=True)
    pip = [str(ENVIRONMENT / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    packages = [one.package or one.module for one in _ALL if one.module is not None] + [
        "resvg-py"
    ]  # it paints the plot
    if subprocess.run([*pip, *packages], check=False).returncode:
        for package in packages:
            subprocess.run([*pip, package], check=False)
    if any(shutil.which(one.command or "", path=environment()["PATH"]) is None for one in _ALL if one.command):
        subprocess.run([str(HOME / "tests" / "servers" / "install.sh"), str(DEBIAN), *_PACKAGES], check=False)
    for contender in _ALL:
        print(f"{contender.name}: {'here' if python_for(contender) else 'could not be installed'}")


def environment() -> dict[str, str]:
    """The environment in which programs of the peers are found, with the libraries unpacked beside them."""
    base = DEBIAN / "usr" / "lib"  # wget2's own library lies there, the others below
    libraries = ":".join(str(folder) for folder in (*base.glob("*-linux-gnu"), base) if folder.is_dir())
    path = f"{os.environ.get('PATH', os.defpath)}:{DEBIAN / 'usr' / 'bin'}"
    return {**os.environ, "PATH": path, **({"LD_LIBRARY_PATH": libraries} if libraries else {})}


def _has(python: str, module: str) -> bool:
    look = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module!r}) is None)"
    return subprocess.run([python, "-c", look], check=False).returncode == 0
