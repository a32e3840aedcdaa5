"""The S3 servers, each started once for all tests that ask for it."""

from __future__ import annotations

import json

import pytest

from asyncfetch.testing.s3 import S3Server
from tests.servers.juicefs import juicefs
from tests.servers.rclone import rclone
from tests.servers.s3 import PUBLIC, S3Place
from tests.servers.seaweed import seaweed


@pytest.fixture(scope="session")
def moto():
    with S3Server() as server:
        server.make(PUBLIC)
        allow = {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": f"arn:aws:s3:::{PUBLIC}/*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        server.client.put_bucket_policy(Bucket=PUBLIC, Policy=policy)
        yield server


@pytest.fixture(scope="session")
def moto_place(moto):
    return S3Place("moto", moto.endpoint, checks_signatures=False, has_versions=True, has_public=True)


def _real(start):
    @pytest.fixture(scope="session")
    def place(tmp_path_factory):
        with start(tmp_path_factory.mktemp(start.__name__)) as running:
            yield running

    return place


seaweed_place, juicefs_place, rclone_place = _real(seaweed), _real(juicefs), _real(rclone)
