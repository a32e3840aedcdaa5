"""What a server says besides bytes: errors, other regions, lies. Scripted, since no real server can be told to."""

import pickle
from dataclasses import replace

import pytest

from asyncfetch._model.errors import (
    AccessDenied,
    Busy,
    ConnectFailed,
    FetchError,
    InvalidUrl,
    NotFound,
    ProtocolViolation,
    RangeRefused,
    RedirectRefused,
    SourceError,
    TransientError,
)
from asyncfetch._model.exchange import Answer, Request, Validator
from asyncfetch._model.settings import S3, Settings
from asyncfetch._model.url import Url
from asyncfetch._transports.s3.failures import Failure, error_of
from asyncfetch.testing import ExtraHeaders, HttpServer, Raw, Status

from .conftest import content, s3

pytestmark = pytest.mark.anyio
KEYS = ("AKIDEXAMPLE", "the-secret-key", "the-session-token")
AUTH = {"s3://bucket/": KEYS}
URL = "s3://bucket/key"
DATA = b"0123456789" * 10


@pytest.fixture
def server():
    with HttpServer() as one:
        yield one


def settings_for(server, **more):
    return Settings(trust_env=False, s3=S3(endpoint_url=server.url(""), region="us-east-1", **more))


def error(code, message="", extra=""):
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message>{extra}'
        "<StringToSign>the-session-token</StringToSign></Error>"
    ).encode()


ERRORS = [
    (404, "NoSuchKey", NotFound), (404, "NoSuchBucket", NotFound), (404, "NoSuchVersion", NotFound),
    (404, "", NotFound), (410, "", NotFound),
    (403, "AccessDenied", AccessDenied), (403, "", AccessDenied), (401, "", AccessDenied),
    (403, "SignatureDoesNotMatch", AccessDenied), (403, "InvalidAccessKeyId", AccessDenied),
    (403, "RequestTimeTooSkewed", AccessDenied), (403, "InvalidObjectState", AccessDenied),
    (400, "AuthorizationHeaderMalformed", AccessDenied), (400, "InvalidToken", AccessDenied),
    (400, "ExpiredToken", AccessDenied), (403, "AllAccessDisabled", AccessDenied),
    (503, "SlowDown", Busy), (503, "ServiceUnavailable", Busy), (503, "", Busy), (429, "", Busy),
    (500, "InternalError", Busy), (502, "", Busy), (504, "", Busy), (408, "", Busy),
    (400, "RequestTimeout", TransientError), (409, "OperationAborted", TransientError),
    (301, "PermanentRedirect", RedirectRefused), (307, "TemporaryRedirect", RedirectRefused),
    (503, "SlowDownRead", Busy), (503, "XMinioServerNotInitialized", Busy), (400, "IncompleteBody", TransientError),
    (403, "RequestExpired", AccessDenied), (403, "RequesterPays", AccessDenied), (403, "AccountProblem", AccessDenied),
    (451, "", AccessDenied), (407, "", AccessDenied), (404, "NotFound", NotFound), (403, "NoSuchKey", NotFound),
    (412, "PreconditionFailed", SourceError), (416, "InvalidRange", SourceError), (501, "NotImplemented", SourceError),
    (400, "InvalidArgument", SourceError), (405, "MethodNotAllowed", SourceError), (418, "", SourceError),
]  # fmt: skip


@pytest.mark.parametrize(("status", "code", "kind"), ERRORS)
async def test_every_error_has_its_place(server, status, code, kind):
    body = error(code, "so it\n is") if code else b"<html>"
    server.serve("/bucket/key", DATA, always=[Status(status, body=body)])
    async with s3(settings_for(server), AUTH) as transport:
        with pytest.raises(FetchError) as caught:
            await content(transport, URL)
        assert len(transport.sent) <= 2
    raised = caught.value
    assert type(raised) is kind
    assert (raised.url, raised.status) == (URL, status)
    assert code in str(raised)
    assert ("so it is" in str(raised)) == bool(code)
    if kind is AccessDenied:
        assert raised.hint
    for secret in KEYS[1:]:
        assert secret not in str(raised) + repr(raised.__dict__)
    assert str(pickle.loads(pickle.dumps(raised))) == str(raised)


def test_what_the_sdks_of_aws_wait_after_is_transient():
    from botocore.retries.standard import ThrottledRetryableChecker, TransientRetryableChecker

    codes = {*ThrottledRetryableChecker._THROTTLED_ERROR_CODES, *TransientRetryableChecker._TRANSIENT_ERROR_CODES}
    assert len(codes) > 12
    for code in codes:
        failure = Failure(400, code, "", None, {})
        told = error_of(failure, Url(URL), ranged=False, anonymous=False, now=0)
        assert isinstance(told, TransientError), code


@pytest.mark.parametrize(
    ("status", "kind"), [(403, AccessDenied), (404, NotFound), (400, SourceError), (503, Busy), (301, RedirectRefused)]
)
async def test_a_reply_to_head_without_a_body_is_judged_by_its_status(server, status, kind):
    server.serve("/bucket/key", DATA, always=[Status(status)])
    async with s3(settings_for(server), AUTH) as transport:
        with pytest.raises(FetchError) as caught:
            await transport.stat(Request(Url(URL)))
    assert type(caught.value) is kind
    assert caught.value.status == status


@pytest.mark.parametrize("status", [412, 416])
async def test_a_range_that_is_refused(server, status):
    server.serve("/bucket/key", DATA, always=[Status(status)])
    async with s3(settings_for(server), AUTH) as transport:
        with pytest.raises(RangeRefused):
            await content(transport, URL, offset=5, matching=Validator(URL, etag='"mine"', size=100, strong=True))


async def test_busy_says_how_long(server):
    server.serve("/bucket/key", always=[Status(503, retry_after=7, body=error("SlowDown"))])
    async with s3(settings_for(server), AUTH) as transport:
        with pytest.raises(Busy) as caught:
            await content(transport, URL)
    assert caught.value.retry_after == 7


@pytest.mark.parametrize(
    "body", [b"x" * 100_000, b"", b"\xff\xfe", error("NoSuchKey").replace(b"?>", b"?><!DOCTYPE e>")]
)
async def test_an_error_whose_body_says_nothing(server, body):
    server.serve("/bucket/key", always=[Status(403, body=body)])
    async with s3(settings_for(server), AUTH) as transport:
        with pytest.raises(AccessDenied):
            await content(transport, URL)


async def test_a_delete_marker_is_nothing(server):
    server.serve("/bucket/key", always=[Status(405, headers=(("x-amz-delete-marker", "true"),))])
    async with s3(settings_for(server), AUTH) as transport:
        with pytest.raises(NotFound):
            await content(transport, URL)


MOVES = {
    "header": Status(301, headers=(("x-amz-bucket-region", "eu-west-1"),), body=error("PermanentRedirect")),
    "location": Status(307, headers=(("location", "https://bucket.s3.eu-west-1.amazonaws.com/key"),)),
    "endpoint": Status(
        301,
        body=error("PermanentRedirect", extra="<Endpoint>bucket.s3-eu-west-1.amazonaws.com</Endpoint>"),
    ),
    "signature": Status(400, body=error("AuthorizationHeaderMalformed", extra="<Region>eu-west-1</Region>")),
}


@pytest.mark.parametrize("move", MOVES)
async def test_another_region_is_followed_once_and_remembered(server, move):
    server.serve("/bucket/key", DATA, faults=[MOVES[move]])
    server.serve("/bucket/other", DATA)
    async with s3(settings_for(server), AUTH) as transport:
        assert (await content(transport, URL))[0] == DATA
        assert (await content(transport, "s3://bucket/other"))[0] == DATA
        regions = [headers["authorization"].split("/")[2] for _, _, headers in transport.sent]
    assert regions == ["us-east-1", "eu-west-1", "eu-west-1"]


@pytest.mark.parametrize("move", MOVES)
async def test_regions_are_not_followed_in_circles(server, move):
    back = Status(301, headers=(("x-amz-bucket-region", "us-east-1"),))
    server.serve("/bucket/key", DATA, always=[MOVES[move]], faults=[None, back])
    async with s3(settings_for(server), AUTH) as transport:
        with pytest.raises(SourceError):
            await content(transport, URL)
        assert len(transport.sent) == 2


async def test_a_region_is_no_way_to_another_host(server):
    server.serve("/bucket/key", DATA, always=[Status(307, headers=(("location", "https://evil.invalid/key"),))])
    server.serve("/bucket/k2", DATA, always=[Status(301, headers=(("x-amz-bucket-region", "x.evil.invalid/"),))])
    async with s3(settings_for(server), AUTH) as transport:
        for url in (URL, "s3://bucket/k2"):
            with pytest.raises(RedirectRefused):
                await content(transport, url)
        assert {wire.host for _, wire, _ in transport.sent} == {"127.0.0.1"}


async def test_a_mute_refusal_of_head_is_asked_again_by_get(server):
    page = server.serve("/bucket/key", DATA, faults=[Status(400), Status(403, body=error("InvalidAccessKeyId", "who"))])
    async with s3(settings_for(server), AUTH) as transport:
        with pytest.raises(AccessDenied) as caught:
            await transport.stat(Request(Url(URL)))
        assert "InvalidAccessKeyId" in str(caught.value)
        page.cue(Status(403))  # whoever may GET but not HEAD
        assert (await transport.stat(Request(Url(URL)))).size == len(DATA)
        server.serve("/bucket/key", b"", faults=[Status(403)])
        with pytest.raises(AccessDenied):
            await transport.stat(Request(Url(URL)))


def part(etag, start=20, total=100, status=206, data=DATA):
    head = (
        f"HTTP/1.1 {status} x\r\nContent-Length: {total - start}\r\nETag: {etag}\r\n"
        f"Content-Range: bytes {start}-{total - 1}/{total}\r\n\r\n"
    )
    return Raw(head.encode() + data[start:])


@pytest.mark.parametrize(
    "lie",
    [
        part('"other"'), part('"mine"', status=200), part('"mine"', start=10), part('"mine"', total=99),
        Raw(b"HTTP/1.1 206 x\r\nContent-Length: 80\r\nContent-Range: bytes 20-99/100\r\n\r\n" + DATA[20:]),
    ],
    ids=["another object", "status 200", "another start", "another size", "no entity tag"],
)  # fmt: skip
async def test_a_part_that_is_not_the_rest_is_refused(server, lie):
    server.serve("/bucket/key", DATA, etag='"mine"', always=[lie])
    matching = Validator(URL, etag='"mine"', size=100, strong=True)
    async with s3(settings_for(server), AUTH) as transport:
        with pytest.raises(RangeRefused):
            await content(transport, URL, offset=20, matching=matching)


async def test_the_true_rest_is_taken(server):
    server.serve("/bucket/key", DATA, etag='"mine"')
    matching = Validator(URL, etag='"mine"', size=100, strong=True)
    async with s3(settings_for(server), AUTH) as transport:
        data, body = await content(transport, URL, offset=20, matching=matching)
    assert (data, body.answer) == (DATA[20:], Answer.PARTIAL)


async def test_the_last_question_is_about_the_bucket(server):
    """Whatever host the request goes to: what is left alone is the bucket (``Request.ready``)."""
    page, asked = server.serve("/bucket/key", DATA), []

    def not_now(url):
        asked.append(url)
        raise Busy("not now", url=url)

    async with s3(settings_for(server), AUTH) as transport:
        with pytest.raises(Busy):
            await content(transport, URL, ready=not_now)
    assert asked == [URL]
    assert page.hits == 0


async def test_checksums_of_parts_are_no_digests(server):
    whole = "R/nbO3y1V6nkzqjXRdMsTQkKGZoSU5oj5gNyLbKKH18="
    cases = [
        ((("x-amz-checksum-sha256", f"{whole}-3"),), 0),
        ((("x-amz-checksum-sha256", whole), ("x-amz-checksum-type", "COMPOSITE")), 0),
        ((("x-amz-checksum-sha256", whole), ("x-amz-checksum-type", "FULL_OBJECT")), 1),
        ((("x-amz-checksum-sha256", whole),), 1),
        ((("x-amz-checksum-sha256", "nonsense"), ("x-amz-checksum-crc32c", "AAAAAA==")), 0),
        ((("x-amz-checksum-sha256", "nonsense"), ("x-amz-checksum-crc32", "AAAAAA==")), 1),
    ]
    async with s3(settings_for(server), AUTH) as transport:
        for headers, count in cases:
            server.serve("/bucket/key", DATA, always=[ExtraHeaders(headers)])
            assert len((await content(transport, URL))[1].digests) == count, headers
        part_headers = (("x-amz-checksum-sha256", whole),)
        server.serve("/bucket/key", DATA, always=[ExtraHeaders(part_headers)])
        assert (await content(transport, URL, offset=5))[1].digests == ()


async def test_an_objects_content_encoding_is_its_own_affair(server):
    server.serve("/bucket/key", DATA, headers=[("Content-Encoding", "gzip")])
    async with s3(settings_for(server), AUTH) as transport:
        assert (await content(transport, URL))[0] == DATA


async def test_what_is_sent(server):
    server.serve("/bucket/key", DATA)
    headers = (("Authorization", "Bearer of-somebody-else"), ("X-Amz-Meta-A", "  b  c "), ("X-Plain", "d"))
    async with s3(settings_for(server, requester_pays=True), AUTH) as transport:
        await content(transport, URL, headers=headers)
        sent = transport.sent[0][2]
    assert sent["x-amz-security-token"] == KEYS[2]
    assert sent["x-amz-request-payer"] == "requester"
    assert sent["x-amz-checksum-mode"] == "ENABLED"
    assert sent["x-plain"] == "d"
    assert sent["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    signed = sent["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    assert {"host", "x-amz-meta-a", "x-amz-request-payer", "x-amz-security-token", "x-amz-date"} <= set(signed)
    assert "x-plain" not in signed


async def test_keys_belong_to_their_prefix(server):
    for path in ("/bucket/in/a", "/bucket/inside", "/bucket2/in/a"):
        server.serve(path, DATA)
    auth = {"s3://bucket/in/": KEYS[:2], "https://bucket/": ("user", "pw")}
    async with s3(settings_for(server), auth) as transport:
        for url in ("s3://bucket/in/a", "s3://bucket/inside", "s3://bucket2/in/a"):
            await content(transport, url)
        assert ["authorization" in headers for _, _, headers in transport.sent] == [True, False, False]


async def test_each_bucket_has_its_settings(server):
    with HttpServer() as second:
        second.serve("/base/other/key", b"second")
        server.serve("/bucket/key", b"first")
        own = S3(endpoint_url=second.url("/base"), anonymous=True)
        settings = settings_for(server, buckets={"other": own})
        async with s3(settings, AUTH) as transport:
            assert (await content(transport, URL))[0] == b"first"
            assert (await content(transport, "s3://other/key"))[0] == b"second"


async def test_a_listing_in_circles_or_of_nonsense(server):
    more = b"<IsTruncated>true</IsTruncated><NextContinuationToken>again</NextContinuationToken>"
    server.serve("/bucket", b"<ListBucketResult>" + more + b"</ListBucketResult>")
    server.serve("/bucket2", b"<html>")
    async with s3(settings_for(server), AUTH) as transport:
        for url in ("s3://bucket", "s3://bucket2/x/"):
            with pytest.raises(ProtocolViolation):
                [entry async for entry in transport.list(Url(url))]
        assert len(transport.sent) == 3
        with pytest.raises(InvalidUrl):
            [entry async for entry in transport.list(Url("s3://bucket/x?versionId=1"))]


async def test_what_names_no_object():
    async with s3(Settings(trust_env=False)) as transport:
        for url in ("s3://bucket", "s3://bucket/", "s3://bucket/k?x=y"):
            with pytest.raises(InvalidUrl) as caught:
                await content(transport, url)
            assert caught.value.url == url
            with pytest.raises(InvalidUrl):
                await transport.stat(Request(Url(url)))


async def test_an_endpoint_that_is_not_there_is_named():
    with HttpServer() as gone:
        settings = settings_for(gone)
    async with s3(settings, AUTH) as transport:
        with pytest.raises(ConnectFailed) as caught:
            await content(transport, URL)
    assert caught.value.url == URL
    assert settings.s3.endpoint_url in str(caught.value)


async def test_anonymous_is_not_forced_on_who_refuses_it(server):
    settings = settings_for(server, anonymous=False)
    async with s3(settings) as transport:
        with pytest.raises(AccessDenied):
            await content(transport, URL)
        assert not transport.sent
    async with s3(replace(settings, s3=replace(settings.s3, anonymous=True)), AUTH) as transport:
        server.serve("/bucket/key", DATA)
        await content(transport, URL)
