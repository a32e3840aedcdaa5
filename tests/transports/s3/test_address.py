import pytest

from asyncfetch._model.errors import InvalidUrl, MistakeError
from asyncfetch._model.url import Url
from asyncfetch._transports.s3.address import Target, canonical_query, in_region, region_in, site_of, target_of


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("s3://b/k", Target("b", "k", None)),
        ("s3://My.Bucket/K/Ey", Target("My.Bucket", "K/Ey", None)),
        ("s3://b/a+b%20c", Target("b", "a%2Bb%20c", None)),
        ("s3://b//k", Target("b", "/k", None)),
        ("s3://b/%2e%2e/x", Target("b", "../x", None)),
        ("s3://b/%ff%C3%84", Target("b", "%FF%C3%84", None)),
        ("s3://b/k%3Fx?versionId=a%2Fb.c", Target("b", "k%3Fx", "a/b.c")),
        ("s3://b", Target("b", "", None)),
    ],
)
def test_what_a_url_names(url, target):
    assert target_of(Url(url)) == target


@pytest.mark.parametrize(
    "url", ["s3://b/k?x=1", "s3://b/k?versionId=1&versionId=2", "s3://b/k?versionId=", "s3://a:b@b/k", "s3://b:80/k"]
)
def test_what_is_no_s3_url(url):
    with pytest.raises(InvalidUrl) as caught:
        target_of(Url(url))
    assert "a:b" not in str(caught.value)


@pytest.mark.parametrize(
    ("bucket", "endpoint", "style", "base"),
    [
        ("bucket", "https://s3.eu-west-1.amazonaws.com", "auto", "https://bucket.s3.eu-west-1.amazonaws.com"),
        ("bucket", "https://s3.eu-west-1.amazonaws.com", "path", "https://s3.eu-west-1.amazonaws.com/bucket"),
        ("bucket", "https://s3.amazonaws.com", "auto", "https://bucket.s3.amazonaws.com"),
        ("bucket", "https://s3.dualstack.us-gov-west-1.amazonaws.com", "auto",
         "https://bucket.s3.dualstack.us-gov-west-1.amazonaws.com"),
        ("bucket", "https://s3.cn-north-1.amazonaws.com.cn", "auto", "https://bucket.s3.cn-north-1.amazonaws.com.cn"),
        ("a.bucket", "https://s3.amazonaws.com", "auto", "https://s3.amazonaws.com/a.bucket"),
        ("Bucket", "https://s3.amazonaws.com", "auto", "https://s3.amazonaws.com/Bucket"),
        ("bucket", "http://127.0.0.1:9000", "auto", "http://127.0.0.1:9000/bucket"),
        ("bucket", "http://h:9000/base/", "auto", "http://h:9000/base/bucket"),
        ("bucket", "http://h:9000", "virtual", "http://bucket.h:9000"),
        ("bucket", "https://s3.amazonaws.com.evil.example", "auto", "https://s3.amazonaws.com.evil.example/bucket"),
    ],
)  # fmt: skip
def test_where_a_bucket_is(bucket, endpoint, style, base):
    site = site_of(bucket, endpoint, style)
    assert f"{site.scheme}://{site.authority}{site.base}" == base


@pytest.mark.parametrize("endpoint", ["localhost:9000", "ftp://h", "http://u:p@h", "http://h/?x=1"])
def test_what_is_no_endpoint(endpoint):
    with pytest.raises(MistakeError) as caught:
        site_of("bucket", endpoint, "auto")
    assert "u:p" not in str(caught.value)


@pytest.mark.parametrize(
    ("endpoint", "moved"),
    [
        ("https://s3.us-east-1.amazonaws.com", "https://s3.eu-west-1.amazonaws.com"),
        ("https://s3.amazonaws.com", "https://s3.eu-west-1.amazonaws.com"),
        ("https://s3-fips.us-east-1.amazonaws.com", "https://s3-fips.eu-west-1.amazonaws.com"),
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
    ],
)
def test_the_endpoint_of_another_region(endpoint, moved):
    assert in_region(endpoint, "eu-west-1") == moved


def test_the_region_in_a_host():
    assert region_in("bucket.s3.eu-west-1.amazonaws.com") == "eu-west-1"
    assert region_in("bucket.s3-ap-southeast-2.amazonaws.com") == "ap-southeast-2"
    assert region_in("bucket.s3.amazonaws.com") is None
    assert region_in("s3.eu-west-1.amazonaws.com.evil.example") is None


def test_a_query_is_sorted_and_encoded():
    assert canonical_query([("prefix", "a/b c"), ("list-type", "2")]) == "list-type=2&prefix=a%2Fb%20c"
