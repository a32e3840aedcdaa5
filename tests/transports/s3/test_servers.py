"""Every row of what s3 promises, against servers that none of us wrote."""

import hashlib
import os
from contextlib import asynccontextmanager
from dataclasses import replace

import anyio
import pytest

from asyncfetch._model.digest import Digest, new_hash
from asyncfetch._model.errors import AccessDenied, NotFound, RangeRefused, SourceError
from asyncfetch._model.exchange import Answer, Request
from asyncfetch._model.settings import S3, Proxies, Settings
from asyncfetch._model.url import Url
from asyncfetch._transports.s3 import transport as transport_module
from asyncfetch.testing import check_transport
from asyncfetch.testing.s3 import open_s3_far_end
from tests.servers.s3 import ACCESS_KEY, BUCKET, PUBLIC

from .conftest import content, s3

pytestmark = pytest.mark.anyio
DATA = bytes(range(256)) * 40


async def test_it_keeps_the_rules_of_a_transport(place):
    @asynccontextmanager
    async def maker():
        async with s3(place.settings, place.auth) as transport:
            yield transport, place.far_end

    await check_transport(maker)


async def test_the_far_end_of_the_testing_package_keeps_them_too():
    @asynccontextmanager
    async def maker():
        with open_s3_far_end() as far_end:
            async with s3(far_end.settings) as transport:
                yield transport, far_end

    await check_transport(maker)


async def test_one_request_for_an_object(any_place):
    url = any_place.put("one", DATA)
    async with s3(any_place.settings, any_place.auth) as transport:
        data, body = await content(transport, url)
        assert len(transport.sent) == 1
    assert data == DATA
    assert (body.answer, body.offset, body.size, body.url) == (Answer.FULL, 0, len(DATA), Url(url))
    assert body.validator.strong
    assert body.validator.etag == f'"{hashlib.md5(DATA).hexdigest()}"'


@pytest.mark.parametrize(
    "key", ["A b+c%d&e=f;g,h.txt", "UPPER/lower/Größe 日本.bin", "a'b(c)!*$@:x", "percent%20twice", "q?mark#hash"]
)
async def test_a_key_of_any_characters(any_place, key):
    url = any_place.put(key, key.encode())
    async with s3(any_place.settings, any_place.auth) as transport:
        assert (await content(transport, url))[0] == key.encode()
        assert (await transport.stat(Request(Url(url)))).size == len(key.encode())


async def test_resume_with_the_entity_tag(place):
    url = place.put("resume", DATA)
    async with s3(place.settings, place.auth) as transport:
        _, body = await content(transport, url)
        rest, part = await content(transport, url, offset=1_000, matching=body.validator)
        assert (part.answer, part.offset, part.size, rest) == (Answer.PARTIAL, 1_000, len(DATA), DATA[1_000:])
        assert part.validator.agrees(body.validator)
        assert transport.sent[-1][2]["if-match"] == body.validator.etag
        middle, _ = await content(transport, url, offset=10, end=20, matching=body.validator)
        assert middle == DATA[10:20]
        place.put("resume", DATA[::-1])
        with pytest.raises(RangeRefused) as caught:
            await content(transport, url, offset=1_000, matching=body.validator)
        assert caught.value.status == 412
        with pytest.raises(RangeRefused) as caught:
            await content(transport, url, offset=len(DATA) + 5)
        assert caught.value.status == 416


async def test_a_range_in_disguise_is_refused(rclone_place):
    # rclone ignores If-Match and says 200 where a part follows: not a byte of it may be used
    url = rclone_place.put("disguise", DATA)
    async with s3(rclone_place.settings, rclone_place.auth) as transport:
        _, body = await content(transport, url)
        with pytest.raises(RangeRefused):
            await content(transport, url, offset=1_000, matching=body.validator)
        rclone_place.put("disguise", DATA[::-1])
        with pytest.raises(RangeRefused):
            await content(transport, url, offset=1_000, matching=body.validator)


async def test_unchanged(any_place):
    url = any_place.put("unchanged", DATA)
    async with s3(any_place.settings, any_place.auth) as transport:
        _, body = await content(transport, url)
        data, again = await content(transport, url, unless=body.validator)
        assert (data, again.answer, again.size) == (b"", Answer.UNCHANGED, len(DATA))
        any_place.put("unchanged", b"other")
        data, again = await content(transport, url, unless=body.validator)
        assert (data, again.answer) == (b"other", Answer.FULL)


async def test_an_empty_object(any_place):
    url = any_place.put("nothing", b"")
    async with s3(any_place.settings, any_place.auth) as transport:
        data, body = await content(transport, url)
        assert (data, body.size, (await transport.stat(Request(Url(url)))).size) == (b"", 0, 0)


async def test_stat(any_place):
    url = any_place.put("stat", DATA, ContentType="text/plain")
    async with s3(any_place.settings, any_place.auth) as transport:
        about = await transport.stat(Request(Url(url)))
        _, body = await content(transport, url)
    assert (about.size, about.validator) == (len(DATA), body.validator)
    assert about.modified.tzinfo is not None
    assert (about.content_type or "").startswith(("text/plain", "application/octet-stream"))


async def test_versions(place):
    if not place.has_versions:
        pytest.skip(f"{place.name} keeps no versions")
    if "versions" not in [bucket["Name"] for bucket in place.client.list_buckets()["Buckets"]]:
        place.client.create_bucket(Bucket="versions")
    place.client.put_bucket_versioning(Bucket="versions", VersioningConfiguration={"Status": "Enabled"})
    first = place.client.put_object(Bucket="versions", Key="k", Body=b"first")["VersionId"]
    place.client.put_object(Bucket="versions", Key="k", Body=b"second")
    gone = place.client.delete_object(Bucket="versions", Key="k")["VersionId"]
    auth = {"s3://versions/": place.auth[f"s3://{BUCKET}/"]}
    async with s3(place.settings, auth) as transport:
        data, body = await content(transport, f"s3://versions/k?versionId={first}")
        assert (data, body.validator.version) == (b"first", first)
        for url in ("s3://versions/k", f"s3://versions/k?versionId={gone}"):
            with pytest.raises(NotFound):
                await content(transport, url)
            with pytest.raises(NotFound):
                await transport.stat(Request(Url(url)))
        with pytest.raises(SourceError):
            await content(transport, "s3://versions/k?versionId=none")


@pytest.mark.parametrize("algorithm", ["SHA256", "SHA1", "CRC32"])
async def test_the_declared_checksum_is_a_digest(place, algorithm):
    url = place.put("checksum", DATA, ChecksumAlgorithm=algorithm)
    async with s3(place.settings, place.auth) as transport:
        data, body = await content(transport, url)
    hashed = new_hash(algorithm.lower())
    hashed.update(data)
    expected = (Digest.of(algorithm.lower(), hashed.hexdigest()),)
    assert body.digests in ({expected} if place.name == "moto" else {expected, ()})  # the others may not keep it


async def test_what_is_not_there(any_place):
    async with s3(any_place.settings, any_place.auth) as transport:
        for url in (f"s3://{BUCKET}/none", "s3://nobucket/none"):
            with pytest.raises(NotFound) as caught:
                await content(transport, url)
            assert caught.value.status == 404
            assert caught.value.url == url
            with pytest.raises(NotFound):
                await transport.stat(Request(Url(url)))
        for url in (f"s3://{BUCKET}/none/", "s3://nobucket/"):
            with pytest.raises(NotFound):
                [entry async for entry in transport.list(Url(url))]


@pytest.mark.parametrize(
    "keys", [(ACCESS_KEY, "wrong-secret"), ("nobody-at-all", "wrong-secret"), None], ids=["secret", "key", "none"]
)
async def test_who_may_not(any_place, keys):
    if not any_place.checks_signatures:
        pytest.skip(f"{any_place.name} checks no signature")
    url = any_place.put("private", DATA)
    auth = None if keys is None else {f"s3://{BUCKET}/": keys}
    async with s3(any_place.settings, auth) as transport:
        with pytest.raises(AccessDenied) as caught:
            await content(transport, url)
        assert "wrong-secret" not in str(caught.value)
        assert caught.value.hint
        with pytest.raises(AccessDenied):
            await transport.stat(Request(Url(url)))
        with pytest.raises(AccessDenied):
            [entry async for entry in transport.list(Url(f"s3://{BUCKET}"))]


async def test_anonymous(place):
    if not place.has_public:
        pytest.skip(f"{place.name} has no public bucket")
    url = place.put("free", b"free", bucket=PUBLIC)
    settings = replace(place.settings, s3=replace(place.settings.s3, anonymous=True))
    async with s3(settings) as transport:
        assert (await content(transport, url))[0] == b"free"
        assert "authorization" not in transport.sent[0][2]
    async with s3(place.settings) as transport:  # the chain finds nobody
        assert (await content(transport, url))[0] == b"free"


async def test_list(any_place, monkeypatch):
    keys = ["l/a", "l/b c+d", "l/Ä%41", "l/sub/deep/one", "l/sub/two", "l/z", "m"]
    for key in keys:
        any_place.put(key, b"12345", bucket=PUBLIC)
    pages = []
    asked = transport_module.page_query

    def two_a_page(prefix, token):
        pages.append(token)
        query = asked(prefix, token).split("&")
        return "&".join(sorted([*query, "max-keys=2"]))

    monkeypatch.setattr(transport_module, "page_query", two_a_page)
    async with s3(any_place.settings, any_place.auth) as transport:
        entries = [entry async for entry in transport.list(Url(f"s3://{PUBLIC}/l"))]
        assert sorted((entry.name, entry.kind, entry.size) for entry in entries) == [
            ("a", "file", 5), ("b c+d", "file", 5), ("sub", "directory", None), ("z", "file", 5), ("Ä%41", "file", 5),
        ]  # fmt: skip
        assert len(pages) >= 3
        for entry in entries:
            if entry.kind == "file":
                assert (await content(transport, entry.url.reveal()))[0] == b"12345"
                assert entry.modified.tzinfo is not None
        (sub,) = [entry.url for entry in entries if entry.kind == "directory"]
        assert [entry.name async for entry in transport.list(sub)] == ["deep", "two"]


async def test_a_large_object_in_small_memory(place):
    size = 24 * 1024 * 1024
    data = os.urandom(1024) * (size // 1024)
    url = place.put("large", data)
    async with s3(place.settings, place.auth) as transport, transport.open(Request(Url(url))) as body:
        seen, view, count = hashlib.sha256(), memoryview(bytearray(1 << 20)), 0
        while got := await body.fill(view):
            seen.update(view[:got])
            count += got
    assert (count, seen.hexdigest()) == (size, hashlib.sha256(data).hexdigest())


async def test_cancelled_in_the_middle_of_a_body(place):
    url = place.put("cut", os.urandom(1 << 20) * 8)
    async with s3(place.settings, place.auth) as transport:
        with anyio.CancelScope() as scope:
            async with transport.open(Request(Url(url))) as body:
                await body.fill(memoryview(bytearray(1000)))
                scope.cancel()
                await anyio.sleep_forever()
        assert (await content(transport, place.put("after", b"x")))[0] == b"x"


async def test_virtual_hosts(moto):
    # moto tells buckets by host as AWS does; as an http proxy of these names it is also asked for them
    moto.put("virtual", DATA)
    proxies = Proxies(http=moto.endpoint, no_proxy="")
    settings = Settings(s3=S3(endpoint_url="http://s3.us-east-1.amazonaws.com", region="us-east-1"), proxies=proxies)
    async with s3(settings, moto.auth) as transport:
        assert (await content(transport, "s3://bucket/virtual"))[0] == DATA
        assert str(transport.sent[0][1]) == "http://bucket.s3.us-east-1.amazonaws.com/virtual"
        assert "virtual" in [entry.name async for entry in transport.list(Url("s3://bucket"))]
