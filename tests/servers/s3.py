"""What the tests know of a running S3 server: where it is, who may write, and a client to fill it with."""

from __future__ import annotations

import shutil
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from asyncfetch._model.settings import S3, Settings
from asyncfetch.testing.s3 import S3FarEnd, s3_client

ACCESS_KEY, SECRET_KEY = "labkey", "labsecret0"
BUCKET, PUBLIC = "bucket", "pub"


def program(name: str, package: str) -> str:
    """Find a server's program beside this Python or on the path; skip the test, saying why, where there is none."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed: pip install {package}")
    return found


@dataclass
class S3Place:
    """A server, its endpoint, and what it cannot do."""

    name: str
    endpoint: str
    checks_signatures: bool = True
    continues: bool = True  # answers a Range as S3 does
    has_versions: bool = False
    has_public: bool = False
    client: object = field(init=False, repr=False)

    def __post_init__(self):
        self.client = s3_client(self.endpoint, ACCESS_KEY, SECRET_KEY)

    def is_ready(self) -> bool:
        """A write succeeds: an open port is no sign of a server that works."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            for bucket in (BUCKET, PUBLIC):
                self.client.create_bucket(Bucket=bucket)
        except (self.client.exceptions.BucketAlreadyOwnedByYou, self.client.exceptions.BucketAlreadyExists):
            pass
        except (BotoCoreError, ClientError):
            return False
        try:
            self.client.put_object(Bucket=BUCKET, Key="ready", Body=b"ready")
        except (BotoCoreError, ClientError):
            return False
        return True

    def await_ready(self, patience: float = 40.0) -> None:
        deadline = time.monotonic() + patience
        while not self.is_ready():
            assert time.monotonic() < deadline, f"{self.name} does not work"
            time.sleep(0.02)

    @property
    def settings(self) -> Settings:
        return Settings(s3=S3(endpoint_url=self.endpoint, region="us-east-1"))

    @property
    def auth(self) -> dict:
        return {f"s3://{bucket}/": (ACCESS_KEY, SECRET_KEY) for bucket in (BUCKET, PUBLIC, "nobucket")}

    @property
    def far_end(self) -> S3FarEnd:
        return S3FarEnd(self.client, BUCKET, self.settings)

    def put(self, key: str, data: bytes, bucket: str = BUCKET, **more) -> str:
        self.client.put_object(Bucket=bucket, Key=key, Body=data, **more)
        return S3FarEnd(self.client, bucket, self.settings).url(key)
