"""proftpd (MLSD; a user with a password; demands that data connections resume the TLS session, its default)."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from .process import FarEnd, find, free_port, place, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

USER, PASSWORD = "lab", "p@ss w:rd/%"
HASH = "$1$fetchers$1d3/sFS5BJcr3MCX5kMmT1"  # openssl passwd -1
CONFIGURATION = """\
ModulePath {modules}
LoadModule mod_tls.c
ServerName test
ServerType standalone
DefaultAddress 127.0.0.1
SocketBindTight on
Port {port}
UseIPv6 off
User nobody
Group nogroup
PidFile {work}/proftpd.pid
ScoreboardFile {work}/proftpd.scoreboard
DelayEngine off
AuthOrder mod_auth_file.c
AuthUserFile {work}/passwd
AuthGroupFile {work}/group
RequireValidShell off
WtmpLog off
TransferLog none
SystemLog {work}/proftpd.system.log
LogFormat commands "%r"
ExtendedLog {log} ALL commands
UseReverseDNS off
MasqueradeAddress 192.0.2.1
AllowRetrieveRestart on
DefaultRoot ~
{limit}
{tls}
"""
TLS = """\
TLSEngine on
TLSLog {work}/proftpd.tls.log
TLSProtocol {protocol}
TLSRSACertificateFile {certificate}
TLSRSACertificateKeyFile {certificate}
TLSRequired on
{options}
"""


@contextmanager
def proftpd(
    root: Path,
    work: Path,
    *,
    tls: str | None = None,
    certificate: Path | None = None,
    per_host: int = 0,
    protocol: str = "TLSv1.2 TLSv1.3",
) -> Iterator[FarEnd]:
    """Serve a folder. ``tls`` is None, "explicit" or "implicit", with a file of key and certificates."""
    port, log = free_port(), work / "proftpd.log"
    (work / "passwd").write_text(f"{USER}:{HASH}:65534:65534::{root}:/bin/sh\nnobody:*:65534:65534::/:/bin/sh\n")
    (work / "group").write_text("nogroup:x:65534:\n")
    for name in ("passwd", "group"):
        (work / name).chmod(0o600)
    options = "TLSOptions UseImplicitSSL" if tls == "implicit" else ""
    secure = TLS.format(work=work, certificate=certificate, options=options, protocol=protocol) if tls else ""
    limit = f"MaxClientsPerHost {per_host}" if per_host else ""
    modules = place() / "usr" / "lib" / "proftpd"
    text = CONFIGURATION.format(
        modules=modules if modules.exists() else "/usr/lib/proftpd",
        port=port,
        work=work,
        log=log,
        tls=secure,
        limit=limit,
    )
    (work / "proftpd.conf").write_text(text)
    binary = find("proftpd")
    assert binary is not None
    with running([binary, "-n", "-c", str(work / "proftpd.conf")], port, work / "proftpd.out"):
        yield FarEnd("proftpd", port, root, log, USER, PASSWORD, anonymous=False)
