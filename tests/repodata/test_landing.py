"""Landing, a piece at a time: what comes of a body does not depend on where it was taken apart."""

import hashlib
import os

import pytest

from asyncfetch import ProtocolViolation, TooLarge, Url
from asyncfetch.repodata._landing import Landed, Landing

from .scene import compressed, contents

SOURCE = Url("https://h.example/repodata.json")


def landed(path, *pieces, is_zst=False, limit=1_000_000, **more):
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        landing = Landing(descriptor, SOURCE, is_zst=is_zst, limit=limit, **more)
        for piece in pieces:
            landing.take(memoryview(piece))
        return landing.finish()
    finally:
        os.close(descriptor)


TEXTS = [b'{"a": {"b": 1}}', b' \n{"a": 1}\r\n\n', b'\xef\xbb\xbf{"a": "}"}\n', b"{}" + b" " * 200, b" " * 200 + b"{}"]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("is_zst", [False, True])
def test_any_two_pieces_are_one_text(tmp_path, text, is_zst):
    body = compressed(text) if is_zst else text
    whole = Landed(len(text), hashlib.blake2b(text, digest_size=32).hexdigest())
    for cut in range(len(body) + 1):
        assert landed(tmp_path / "x", body[:cut], body[cut:], is_zst=is_zst) == whole
        assert contents(tmp_path / "x") == text


@pytest.mark.parametrize("text", [b"", b"\n", b"[{}]", b'\n"{}"', b"{", b"}", b'{"a": {}', b" " * 200])
def test_no_two_pieces_of_anything_else_pass(tmp_path, text):
    text += b"" if text.endswith((b"}", b'"', b"]")) else b"\n"
    for cut in range(len(text) + 1):
        with pytest.raises(ProtocolViolation):
            landed(tmp_path / "x", text[:cut], text[cut:], is_framed=False)


def test_what_only_the_connection_ends_may_be_cut_behind_any_record(tmp_path):
    text = b'{"packages": {"a": {"depends": ["b {1}"]}, "b": {}}, "x": {}}'
    ends = [cut for cut in range(1, len(text)) if text[:cut].endswith(b"}")]
    assert len(ends) > 3
    for cut in ends:
        with pytest.raises(ProtocolViolation, match="cut"):
            landed(tmp_path / "x", text[: cut - 3], text[cut - 3 : cut], is_framed=False)
    assert landed(tmp_path / "x", text, is_framed=False).size == len(text)


def test_the_bound_holds_at_its_byte(tmp_path):
    assert landed(tmp_path / "x", b'{"a"', b": 1}", limit=8).size == 8
    with pytest.raises(TooLarge):
        landed(tmp_path / "x", b'{"a"', b": 1}", limit=7)
