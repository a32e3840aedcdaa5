"""pure-ftpd (MLSD; users of a file of its own; explicit TLS only; a reply of several lines as greeting)."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .process import FarEnd, environment, find, free_port, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

USER, PASSWORD = "lab", "p@ss w:rd/%"
# openssl passwd -6; what `pure-pw useradd` makes takes 5 s of CPU at each login
HASH = "$6$fetchers$RCQDnB.T1cin1gM4EgIPc//gUBkxtZ4drJ6cXOE1jzd6YGZrDPpRi8WCb2tqb4GyDv.nHVvVmT3ivfR3UERVn1"


@contextmanager
def pureftpd(root: Path, work: Path, *, tls: str | None = None, certificate: Path | None = None) -> Iterator[FarEnd]:
    """Serve a folder; with ``tls`` a file of key and certificates."""
    port, log = free_port(), work / "pureftpd.log"
    binary = find("pure-ftpd")
    assert binary is not None
    (work / "users").write_text(f"{USER}:{HASH}:65534:65534::{root}/./::::::::::::\n")
    command = [binary.replace("sbin", "bin").replace("pure-ftpd", "pure-pw"), "mkdb", str(work / "users.pdb")]
    subprocess.run([*command, "-f", str(work / "users")], check=True, env=environment())
    options = ["-S", f"127.0.0.1,{port}", "-l", f"puredb:{work}/users.pdb", "-P", "192.0.2.1", "-H", "-u", "1", "-E"]
    options += ["-c", "50", "-g", str(work / "pureftpd.pid"), "-O", f"clf:{log}"]
    if tls is not None:
        options += ["-Y", "2", "-2", str(certificate)]
    with running([binary, *options], port, work / "pureftpd.out"):
        yield FarEnd("pure-ftpd", port, root, log, USER, PASSWORD, anonymous=False)
