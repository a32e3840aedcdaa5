import pytest

from asyncfetch._model.errors import ProtocolViolation
from asyncfetch._model.url import Url
from asyncfetch._transports.s3.listing import read_page

URL = Url("s3://b/p/")


def page(inside):
    return f'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{inside}</ListBucketResult>'.encode()


def test_names_are_relative_sorted_and_decoded():
    inside = """<EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>
    <NextContinuationToken>t/o=</NextContinuationToken>
    <Contents><Key>p/</Key><Size>0</Size></Contents>
    <Contents><Key>p/b+c%2Bd</Key><Size>12</Size><LastModified>2026-01-02T03:04:05.000Z</LastModified></Contents>
    <Contents><Key>p/%07</Key><Size>-1</Size><LastModified>soon</LastModified></Contents>
    <CommonPrefixes><Prefix>p/a/</Prefix></CommonPrefixes>"""
    read = read_page(page(inside), URL, "p/")
    assert (read.is_there, read.next_token) == (True, "t/o=")
    assert [(one.name, one.kind, one.size, str(one.url)) for one in read.entries] == [
        ("\x07", "file", None, "s3://b/p/%07"),
        ("a", "directory", None, "s3://b/p/a/"),
        ("b c+d", "file", 12, "s3://b/p/b%20c%2Bd"),
    ]
    assert read.entries[2].modified.isoformat() == "2026-01-02T03:04:05+00:00"


def test_a_server_that_does_not_encode():
    read = read_page(page("<Contents><Key>p/a+b%20 </Key></Contents>"), URL, "p/")
    assert [entry.name for entry in read.entries] == ["a+b%20 "]


def test_a_marker_alone_is_an_empty_directory():
    read = read_page(page("<Contents><Key>p/</Key></Contents>"), URL, "p/")
    assert (read.entries, read.is_there) == ((), True)
    assert not read_page(page(""), URL, "p/").is_there


@pytest.mark.parametrize(
    "data",
    [
        b"", b"<html>", b"<Error><Code>x</Code></Error>",
        b'<!DOCTYPE x [<!ENTITY a "aaaa">]><ListBucketResult/>',
        '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE x><ListBucketResult/>'.encode("utf-16"),
        page("<IsTruncated>true</IsTruncated>"),
        page("<Contents><Key>elsewhere</Key></Contents>"),
    ],
)  # fmt: skip
def test_what_is_no_page(data):
    with pytest.raises(ProtocolViolation):
        read_page(data, URL, "p/")
