"""The walk alone: what is wanted next, and what need not be fetched."""

from asyncfetch import Url
from asyncfetch.repodata import Channel, Status
from asyncfetch.repodata._channels import place
from asyncfetch.repodata._shards.forms import Index
from asyncfetch.repodata._shards.index import Found
from asyncfetch.repodata._shards.store import Store
from asyncfetch.repodata._shards.walk import Arrived, Subdir, Walk

from .channel import Sharded

FOLDER = Url("https://h.example/shards/")


def subdir(channel, url):
    one = Channel(url)
    where = place(one, "linux-64", one.sources(Url("https://h.example")), [])
    found = Found(Status.FETCHED, Index({}, channel.hashes))
    return Subdir(where, found, (FOLDER,), FOLDER, verify=True)


def test_what_came_for_one_subdir_is_not_fetched_for_another(tmp_path):
    channel = Sharded({"n0": ["n1"], "n1": []})
    first, second = subdir(channel, "https://h.example/a"), subdir(channel, "https://h.example/b")
    walk = Walk(["n0"], Store(str(tmp_path / "cache")))
    (wanted,) = walk.step([first], [])
    (other,) = walk.step([], [Arrived(wanted, channel.shards["n0"], None)])
    assert (wanted.digest, other.digest) == (channel.hashes["n0"], channel.hashes["n1"])
    assert walk.step([second], [Arrived(other, channel.shards["n1"], None)]) == []
    assert not walk.has_more
    assert (
        (first.packages, first.packages_conda) == (second.packages, second.packages_conda) == channel.only("n0", "n1")
    )
