"""Where an index may send us, and with whose credentials."""

import pytest

from asyncfetch import ProtocolViolation, RedirectRefused, Url
from asyncfetch.repodata._shards.places import folder
from asyncfetch.repodata._tokens import given

_HTTPS = "https://h.example/t/tk-1/c/linux-64/repodata_shards.msgpack.zst"


@pytest.mark.parametrize(
    ("index", "reference", "result"),
    [
        (_HTTPS, "", "https://h.example/t/tk-1/c/linux-64/"),
        (_HTTPS, ".", "https://h.example/t/tk-1/c/linux-64/"),
        (_HTTPS, "./shards/", "https://h.example/t/tk-1/c/linux-64/shards/"),
        (_HTTPS, "shards", "https://h.example/t/tk-1/c/linux-64/shards/"),
        (_HTTPS, "../s/", "https://h.example/t/tk-1/c/s/"),
        (_HTTPS, "/s", "https://h.example/t/tk-2/s/"),
        (_HTTPS, "https://h.example/s", "https://h.example/t/tk-2/s/"),
        (_HTTPS, "//other.example/s", "https://other.example/s/"),
        (_HTTPS, "https://h.example.evil.test/s", "https://h.example.evil.test/s/"),
        (_HTTPS, "https://other.example", "https://other.example/"),
        ("https://me:pw@h.example/c/x", "s", "https://me:pw@h.example/t/tk-2/c/s/"),
        ("https://me:pw@h.example/c/x", "https://other.example/s", "https://other.example/s/"),
        ("https://other.example/c/x", "https://who:pw@other.example/s", "https://other.example/s/"),
        ("http://other.example/c/x", "https://other.example/s", "https://other.example/s/"),
        ("s3://Bucket/c/x", "../s", "s3://Bucket/s/"),
        ("s3://bucket/c/x", "s3://other/s/", "s3://other/s/"),
        ("ftp://me:pw@h.example/c/x", "s", "ftp://me:pw@h.example/c/s/"),
        ("file:///c/linux-64/x", "../s", "file:///c/s/"),
    ],
)
def test_folders(index, reference, result):
    assert folder(Url(index), reference, given({"https://h.example": "tk-2"})).reveal() == result


@pytest.mark.parametrize("reference", ["http://h.example/s", "file:///etc", "s3://bucket/s", "ftp://h.example/s"])
def test_places_that_a_web_site_may_not_send_us_to(reference):
    with pytest.raises(RedirectRefused) as caught:
        folder(Url(_HTTPS), reference, [])
    assert "tk-1" not in str(caught.value)


def test_verified_shards_may_come_over_plain_http():
    assert folder(Url(_HTTPS), "http://h.example/s", [], insecure=True).reveal() == "http://h.example/s/"


@pytest.mark.parametrize(
    "reference", ["https://", "https://[::1", "?x=1", "https://h.example/s?x=1", "https://a b/", "a:b\nc"]
)
def test_what_is_no_folder(reference):
    with pytest.raises(ProtocolViolation):
        folder(Url(_HTTPS), reference, [])
