"""What a source says about its own body is checked like what a wish says; who contradicts himself will not do."""

import base64
import hashlib
import threading
import zlib

import anyio
import pytest

from asyncfetch import S3, DigestMismatch, Fetch, Limits, Verdict
from asyncfetch.testing import Cut, ExtraHeaders, HttpServer, Pattern, ReprDigest, Stall

from .eager import BODY
from .scene import LARGE, MIDDLE, client, digest_of, until, whole_or_nothing

pytestmark = pytest.mark.anyio
OTHER = Pattern(300_000, seed=9).read()


def sha(data):
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


CONTRADICTIONS = {
    "Repr-Digest": [ReprDigest(f"sha-256=:{sha(OTHER)}:")],
    "Content-Digest": [ExtraHeaders([("Content-Digest", f"sha-256=:{sha(OTHER)}:")])],
    "Digest": [ExtraHeaders([("Digest", f"SHA-256={sha(OTHER)}")])],
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
@pytest.mark.parametrize("to", ["file", None])
@pytest.mark.parametrize("asked", [True, False])
async def test_a_source_that_contradicts_itself_will_not_do(tmp_path, name, to, asked):
    """Also when its bytes are the ones asked for: then it is known before they come."""
    with HttpServer() as server:
        page = server.serve("/page", MIDDLE, always=CONTRADICTIONS[name])
        good = server.serve("/good", MIDDLE, always=[ReprDigest()])
        to = None if to is None else tmp_path / to
        digest = digest_of(MIDDLE) if asked else None
        async with client() as one:
            with pytest.raises(DigestMismatch) as raised:
                await one.fetch(page.url, to, digest=digest)
            assert raised.value.url == page.url
            assert page.hits == 1
            result = await one.fetch(page.url, to, mirrors=[good.url], digest=digest)
    assert result.source == good.url
    assert result.digest == digest_of(MIDDLE), "what was declared is told"
    assert [attempt.received for attempt in raised.value.attempts] == [0 if asked else len(MIDDLE)]
    assert raised.value.verdict is Verdict.NEXT_SOURCE


@pytest.mark.parametrize("size", [10_000, 3_500_000])
async def test_what_was_declared_with_the_front_holds_for_a_resumed_whole(tmp_path, size):
    """A 206 need not repeat the digest of the whole."""
    body = Pattern(size, seed=4).read()
    with HttpServer() as server:
        wrong = ReprDigest(f"sha-256=:{sha(OTHER)}:")
        page = server.serve("/page", body, faults=[(wrong, Cut(size // 2)), None, (wrong, Cut(size // 2)), None])
        async with client() as one:
            with pytest.raises(DigestMismatch):
                await one.fetch(page.url, tmp_path / "file")
        assert [request.range for request in page.requests][:2] == [None, f"bytes={size // 2}-"]
        whole_or_nothing(tmp_path, body)
        right = server.serve("/right", body, faults=[(ReprDigest(), Cut(size // 2))])
        async with client() as one:
            result = await one.fetch(right.url, tmp_path / "file")
        assert result.digest == digest_of(body)
        assert right.hits == 2


@pytest.mark.parametrize("true", [True, False])
async def test_the_content_digest_of_a_part_is_about_the_part(tmp_path, true):
    rest = LARGE[2_000_000:]
    header = ExtraHeaders([("Content-Digest", f"sha-256=:{sha(rest if true else OTHER)}:")])
    with HttpServer() as server:
        page = server.serve("/page", LARGE, faults=[Cut(2_000_000), header])
        async with client() as one:
            result = await one.fetch(page.url, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == LARGE
    assert [request.range for request in page.requests] == [None, "bytes=2000000-"] + ([] if true else [None])
    assert result.attempts == (2 if true else 3), "what was spoiled on the way is asked for once more"


async def test_the_content_digest_of_a_piece_is_about_the_piece(tmp_path, eager):
    """Nothing else would tell: no digest of the whole is known."""
    with HttpServer() as server:
        header = ExtraHeaders([("Content-Digest", f"sha-256=:{sha(OTHER)}:")])
        page = server.serve("/page", BODY, faults=[Stall(600_000, go := threading.Event()), header])
        # two connections, so that nobody takes the back of the piece from the one that brings it
        async with client(limits=Limits(connections_per_file=2)) as one, anyio.create_task_group() as tasks:
            tasks.start_soon(one.fetch, Fetch(page.url, tmp_path / "file"))
            # once more, whole, over one connection
            await until(lambda: page.hits > 2 and page.requests[-1].range is None)
            go.set()
    assert (tmp_path / "file").read_bytes() == BODY


CHECKSUMS = {"sha256": "SHA256", "sha1": "SHA1", "crc32": "CRC32"}


@pytest.mark.parametrize("algorithm", CHECKSUMS)
async def test_a_checksum_of_s3_is_checked_and_another_source_asked(tmp_path, algorithm):
    """The object's own checksum, as it came with the upload; the bytes are changed on the way."""
    data = {"sha256": lambda b: hashlib.sha256(b).digest(), "sha1": lambda b: hashlib.sha1(b).digest(),
            "crc32": lambda b: zlib.crc32(b).to_bytes(4, "big")}[algorithm]  # fmt: skip
    with HttpServer() as server:
        checksum = base64.b64encode(data(MIDDLE)).decode()
        label = ExtraHeaders([(f"x-amz-checksum-{algorithm}", checksum), ("x-amz-checksum-type", "FULL_OBJECT")])
        composite = ExtraHeaders([(f"x-amz-checksum-{algorithm}", f"{checksum}-3")])
        typed = ExtraHeaders([(f"x-amz-checksum-{algorithm}", checksum), ("x-amz-checksum-type", "COMPOSITE")])
        bad = server.serve("/bucket/bad", OTHER, always=[label])
        good = server.serve("/bucket/good", MIDDLE, always=[label])
        for number, other in enumerate((composite, typed)):
            server.serve(f"/bucket/composed{number}", OTHER, always=[other])
        s3 = S3(endpoint_url=server.url("").rstrip("/"), region="us-east-1", anonymous=True)
        async with client(s3=s3) as one:
            result = await one.fetch("s3://bucket/bad", tmp_path / "file", mirrors=["s3://bucket/good"])
            for number in range(2):  # those of parts say nothing of the whole
                assert (await one.fetch(f"s3://bucket/composed{number}")).content == OTHER
            with pytest.raises(DigestMismatch) as raised:
                await one.fetch("s3://bucket/bad")
    assert (bad.hits, good.hits) == (2, 1)
    assert result.source == "s3://bucket/good"
    assert raised.value.url == "s3://bucket/bad"
    assert (tmp_path / "file").read_bytes() == MIDDLE
    assert result.digest == (None if algorithm == "crc32" else f"{algorithm}:{data(MIDDLE).hex()}")
