"""Index and shards as they come: what is read, and everything that is refused."""

import msgpack
import pytest
import zstandard

from asyncfetch import ProtocolViolation, TooLarge, Url
from asyncfetch.repodata._shards.forms import SHARD_LIMIT, Shard, names_of, read_index, read_shard

from .channel import Sharded, in_shard, packed, record

URL = Url("https://h.example/t/tk-secret/c/linux-64/repodata_shards.msgpack.zst")
HASH = bytes(range(32))


def test_an_index():
    channel = Sharded({"a": [], "b": []}, shards_base_url="../shards")
    index = read_index(channel.index, URL)
    assert index.shards == channel.hashes
    assert index.info == channel.info
    assert (index.text("shards_base_url"), index.text("nothing")) == ("../shards", "")


@pytest.mark.parametrize("hash_", [HASH, list(HASH)])
@pytest.mark.parametrize("version", [{}, {"version": 1}, {"repodata_version": 1}])
def test_the_forms_an_index_may_have(hash_, version):
    index = read_index(packed({"info": {}, "shards": {"a": hash_}, **version}), URL)
    assert index.shards == {"a": HASH}


@pytest.mark.parametrize(
    "said",
    [
        [],
        7,
        None,
        {},
        {"info": {}},
        {"shards": {}},
        {"info": [], "shards": {}},
        {"info": {}, "shards": []},
        {"info": {}, "shards": {"a": b"short"}},
        {"info": {}, "shards": {"a": "x" * 32}},
        {"info": {}, "shards": {"a": 10**12}},
        {"info": {}, "shards": {"a": [300] * 32}},
        {"info": {}, "shards": {"a": ["x"] * 32}},
        {"info": {}, "shards": {"a": None}},
        {"info": {}, "shards": {}, "version": 2},
        {"info": {}, "shards": {}, "repodata_version": 3},
    ],
)
def test_what_is_no_index(said):
    with pytest.raises(ProtocolViolation) as caught:
        read_index(packed(said), URL)
    assert "secret" not in str(caught.value)


def test_a_shard_with_hashes_as_a_repodata_has_them():
    one, other = record("a", "b >=1"), record("a", number=1)
    shard = read_shard(packed({"packages": {"x": in_shard(one)}, "packages.conda": {"y": other}, "v3": {}}), URL)
    assert shard == Shard({"x": one}, {"y": other})
    assert shard.dependencies() == {"b"}
    assert read_shard(packed({"packages": {}}), URL) == Shard({}, {})


@pytest.mark.parametrize("said", [[], {"packages": []}, {"packages": {"a": []}}, {"packages.conda": {"a": None}}])
def test_what_is_no_shard(said):
    with pytest.raises(ProtocolViolation):
        read_shard(packed(said), URL)


_GOOD = packed({"packages": {"a": {"depends": ["b"] * 500}}})
_DEEP = b"\x91" * 100_000 + b"\x90"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"plain",
        _GOOD[:-1],
        _GOOD[:9],
        _GOOD + b"x",
        _GOOD + _GOOD,
        zstandard.compress(b""),
        zstandard.compress(b"\xc1"),
        zstandard.compress(msgpack.packb({"packages": {}})[:-1]),
        zstandard.compress(msgpack.packb({}) + b"\0"),
        zstandard.compress(_DEEP),
        zstandard.compress(b"\xdf\xff\xff\xff\xff"),
        zstandard.compress(b"\x81\xa1\xff\x80"),
        zstandard.compress(b"\x81\x80\x80"),
        zstandard.compress(b"\x81\x90\x80"),
    ],
)
def test_bytes_that_are_not_sound(data):
    with pytest.raises(ProtocolViolation):
        read_shard(data, URL)


@pytest.mark.parametrize("told", [True, False], ids=["told", "not told"])
def test_a_bomb_is_not_unpacked(told):
    packer = zstandard.ZstdCompressor(level=1, write_content_size=told)
    bomb = packer.compress(bytes(SHARD_LIMIT + 1))
    assert len(bomb) < 10_000
    with pytest.raises(TooLarge if told else ProtocolViolation):
        read_shard(bomb, URL)


def test_a_size_that_is_not_told():
    data = zstandard.ZstdCompressor(write_content_size=False).compress(msgpack.packb({"packages": {"a": {}}}))
    assert read_shard(data, URL).packages == {"a": {}}


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("python", "python"),
        ("python >=3.9,<4.0a0", "python"),
        ("numpy 1.* *_0", "numpy"),
        ("zlib>=1.2", "zlib"),
        ("a=1=b", "a"),
        ("a!=1", "a"),
        ("a~=1.0", "a"),
        ("a<2", "a"),
        ("conda-forge::a >1", "a"),
        ("conda-forge/linux-64::a", "a"),
        ("a[version='>=1']", "a"),
        ("  a", "a"),
        ("A_b-c.D", "a_b-c.d"),
        ("__glibc >=2.17", "__glibc"),
        ("a;extra", "a"),
        ("a(x)", "a"),
        ("a|b", "a"),
        ("", None),
        ("  ", None),
        (">=1", None),
    ],
)
def test_names_of_specs(spec, name):
    assert names_of([spec]) == ({name} if name else set())


def test_dependencies_that_are_none():
    records = {"a": {"depends": "python"}, "b": {"depends": [7, None, "x 1"]}, "c": {}, "d": {"depends": None}}
    assert Shard(records, {}).dependencies() == {"x"}
