import subprocess
import sys
from urllib.request import Request, urlopen

import pytest

from asyncfetch.testing.s3 import S3Server


def test_it_serves_what_is_put_and_notes_who_asks():
    with S3Server() as server:
        assert server.put("folder/a b.txt", b"hello") == "s3://bucket/folder/a%20b.txt"
        signed = Request(f"{server.endpoint}/bucket/folder/a%20b.txt?x=1", headers={"Authorization": "AWS anyone:else"})
        with urlopen(signed) as reply:
            assert reply.read() == b"hello"
        (asked,) = server.requests
        assert (asked.method, asked.path, asked.query) == ("GET", "/bucket/folder/a%20b.txt", "x=1")
        assert asked.headers["authorization"] == "AWS anyone:else"


SERVED_TWICE = """
from asyncfetch.testing.s3 import S3Server
with S3Server() as server:
    server.put("left", b"over", bucket="another")
with S3Server() as server:
    print([bucket["Name"] for bucket in server.client.list_buckets()["Buckets"]])
"""


def test_the_store_is_empty_for_the_next():
    # in a process of its own: those of one process share a store while any of them runs
    ended = subprocess.run([sys.executable, "-c", SERVED_TWICE], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "['bucket']"


def test_leaving_stops_it():
    with S3Server() as server:
        endpoint, thread = server.endpoint, server._thread
    assert not thread.is_alive()
    with pytest.raises(OSError):
        urlopen(endpoint)


def test_the_users_own_aws_setup_takes_no_part(monkeypatch):
    for name, value in {
        "AWS_PROFILE": "absent", "AWS_CA_BUNDLE": "/nowhere", "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_CONFIG_FILE": "/nowhere", "AWS_MAX_ATTEMPTS": "many", "AWS_DEFAULT_REGION": "mars-1",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    with S3Server() as server:
        server.put("a", b"hello")
        assert server.client.get_object(Bucket=server.bucket, Key="a")["Body"].read() == b"hello"
