"""vsftpd (LIST only, no MLST; anonymous; demands that data connections resume the TLS session, its default)."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from .process import FarEnd, find, free_port, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONFIGURATION = """\
listen=YES
listen_address=127.0.0.1
listen_port={port}
background=NO
anonymous_enable=YES
no_anon_password=NO
anon_root={root}
ftp_username=daemon
local_enable=NO
write_enable=NO
secure_chroot_dir={work}/empty
seccomp_sandbox=NO
isolate=NO
isolate_network=NO
xferlog_enable=YES
log_ftp_protocol=YES
vsftpd_log_file={log}
max_clients=50
max_per_ip={per_host}
pasv_address=192.0.2.1
"""
TLS = """\
ssl_enable=YES
allow_anon_ssl=YES
force_anon_logins_ssl=YES
force_anon_data_ssl=YES
require_ssl_reuse=YES
ssl_ciphers=HIGH
rsa_cert_file={certificate}
implicit_ssl={implicit}
"""


@contextmanager
def vsftpd(
    root: Path, work: Path, *, tls: str | None = None, certificate: Path | None = None, per_host: int = 0
) -> Iterator[FarEnd]:
    """Serve a folder. ``tls`` is None, "explicit" or "implicit", with a file of key and certificates.

    It names an address that is not its own in its replies to PASV, as one behind a router does.
    """
    port, log = free_port(), work / "vsftpd.log"
    (work / "empty").mkdir(exist_ok=True)
    text = CONFIGURATION.format(port=port, root=root, work=work, log=log, per_host=per_host)
    if tls is not None:
        text += TLS.format(certificate=certificate, implicit="YES" if tls == "implicit" else "NO")
    (work / "vsftpd.conf").write_text(text)
    binary = find("vsftpd")
    assert binary is not None
    with running([binary, str(work / "vsftpd.conf")], port, work / "vsftpd.out"):
        yield FarEnd("vsftpd", port, root, log)
