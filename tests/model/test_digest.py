"""Digest: what is one, and that our hashes are those of the standards."""

import copy
import hashlib
import pickle

import pytest

from asyncfetch import Digest, MistakeError
from asyncfetch._model.digest import SIZES, new_hash

# of b"abc": FIPS 180-2 appendix, RFC 1321 appendix A.5, RFC 7693 appendix A; blake2b-256 from b2sum -l 256
_ABC = {
    "md5": "900150983cd24fb0d6963f7d28e17f72",
    "sha1": "a9993e364706816aba3e25717850c26c9cd0d89d",
    "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    "sha512": "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
    "blake2b": "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
    "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923",
    "blake2b-256": "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319",
}


@pytest.mark.parametrize("algorithm", SIZES)
def test_vectors(algorithm):
    computed = new_hash(algorithm)
    computed.update(b"a")
    computed.update(b"bc")
    assert computed.hexdigest() == _ABC[algorithm]
    assert computed.digest_size == SIZES[algorithm]
    empty = hashlib.blake2b(digest_size=32) if algorithm == "blake2b-256" else hashlib.new(algorithm)
    assert new_hash(algorithm).hexdigest() == empty.hexdigest()


def test_every_algorithm_has_a_vector():
    assert set(_ABC) == set(SIZES)


@pytest.mark.parametrize("algorithm", SIZES)
def test_a_digest_with_and_without_a_value(algorithm):
    wanted = Digest(f"{algorithm.upper()}:{_ABC[algorithm].upper()}")
    assert (wanted.algorithm, wanted.value) == (algorithm, _ABC[algorithm])
    assert wanted == f"{algorithm}:{_ABC[algorithm]}" == Digest.of(algorithm, _ABC[algorithm])
    asked = Digest(algorithm)
    assert (asked, asked.algorithm, asked.value) == (algorithm, algorithm, "")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "unknown digest algorithm"),
        ("sha3:00", "unknown digest algorithm"),
        (":" + "0" * 64, "unknown digest algorithm"),
        (" sha256", "unknown digest algorithm"),
        ("sha256:", "64 hex digits"),
        ("sha256:" + "0" * 63, "64 hex digits"),
        ("sha256:" + "0" * 65, "64 hex digits"),
        ("sha256:" + "0" * 63 + "g", "64 hex digits"),
        ("sha256:" + "0" * 31 + "-" + "0" * 32, "64 hex digits"),
        ("sha256: " + "0" * 63, "64 hex digits"),
        ("sha256:" + "\u0660" * 64, "64 hex digits"),
        ("md5:" + "0" * 64, "32 hex digits"),
        ("blake2b:" + "0" * 64, "128 hex digits"),
        (b"sha256", "not bytes"),
        (5, "not int"),
        (None, "not NoneType"),
    ],
)
def test_refused(text, why):
    with pytest.raises(MistakeError, match=why):
        Digest(text)


def test_many():
    one = Digest("md5")
    assert Digest.many(None) == ()
    assert Digest.many(()) == ()
    assert Digest.many(one) == (one,)
    assert Digest.many("sha256") == (Digest("sha256"),)
    assert Digest.many(["sha256", one]) == (Digest("sha256"), one)
    assert Digest.many(iter(["sha256"])) == (Digest("sha256"),)
    for wrong in (5, [5], b"sha256"):
        with pytest.raises(MistakeError, match="a digest is a string"):
            Digest.many(wrong)


@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy, lambda digest: pickle.loads(pickle.dumps(digest))])
def test_copies_are_digests(way):
    digest = Digest(f"md5:{_ABC['md5']}")
    again = way(digest)
    assert again == digest
    assert (type(again), again.algorithm, again.value) == (Digest, "md5", _ABC["md5"])


def test_as_a_key():
    assert {Digest("MD5"): 1}["md5"] == 1


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 7, 100])
@pytest.mark.parametrize("algorithm", SIZES)
def test_by_pieces(algorithm, length):
    """Whatever the blocks it is given in; no empty piece follows the last one."""
    data = bytes(range(7)) * 2
    pieces = [data[at : at + length] for at in range(0, len(data), length)]

    def hexdigest(body):
        one = new_hash(algorithm)
        one.update(body)
        return one.hexdigest()

    digest = Digest.of_pieces(algorithm, length, [hexdigest(piece) for piece in pieces])
    assert Digest(str(digest)) == digest
    assert digest.algorithm == f"{algorithm}/{length}"
    for block in (1, 3, 4, 14):
        hashing = new_hash(digest.algorithm)
        for at in range(0, len(data), block):
            hashing.update(memoryview(data)[at : at + block])
        assert [hashing.hexdigest(), hashing.hexdigest()] == [digest.value] * 2
    assert [piece.hex() for piece in digest.pieces] == [hexdigest(piece) for piece in pieces]
    for same in (pickle.loads(pickle.dumps(digest)), copy.deepcopy(digest)):
        assert (same, same.algorithm, same.pieces) == (digest, digest.algorithm, digest.pieces)
    assert Digest(str(digest)).pieces == (), "the text alone does not tell"


@pytest.mark.parametrize(
    "text",
    ["sha256/", "sha256/0", "sha256/04", "sha256/-4", "sha256/x", "/4", "crc/4", "sha256/4/4", "sha256/" + "9" * 20],
)
def test_pieces_that_make_no_sense(text):
    with pytest.raises(MistakeError):
        Digest(text)


def test_the_checksum_that_only_a_source_declares():
    """A wish may not ask for it: it would prove nothing."""
    computed = new_hash("crc32")
    computed.update(b"1234")
    computed.update(memoryview(b"56789"))
    assert computed.hexdigest() == "cbf43926"  # the check value of the catalogue of CRC algorithms
    with pytest.raises(MistakeError):
        Digest("crc32:cbf43926")
