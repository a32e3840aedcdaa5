"""The blocking form: the same arguments, the same outcomes."""

import inspect

import pytest

from asyncfetch import MistakeError, Settings, repodata, sync

from .scene import read
from .shards.channel import Sharded


@pytest.mark.parametrize("name", ["prefetch", "shards"])
def test_the_arguments_are_the_same(name):
    ours, theirs = (inspect.signature(getattr(where, name)).parameters for where in (sync, repodata))
    assert [(one.name, one.kind, one.default) for one in ours.values()] == [
        (one.name, one.kind, one.default) for one in theirs.values()
    ]


def test_with_a_client_and_without(channel, folder):
    data = channel.publish("noarch")
    (first,) = sync.prefetch([channel.url], ["noarch"], folder)
    assert (first.status, read(first)) == ("fetched", data)
    with sync.Client(settings=Settings(user_agent="mine")) as client:
        (second,) = sync.prefetch([channel.url], ["noarch"], folder, client=client, ttl=0)
        assert second.status == "unchanged"
        assert channel.server.requests[-1].header("user-agent") == "mine"
        (third,) = sync.prefetch([channel.url], ["noarch"], folder, client=client)
        assert third.status == "fresh"


def test_a_mistake_is_raised_here(folder):
    with pytest.raises(MistakeError):
        sync.prefetch(["a b"], ["noarch"], folder)


def test_a_client_that_is_closed_cannot_be_used(channel, folder):
    client = sync.Client()
    client.close()
    with pytest.raises(MistakeError, match="closed"):
        sync.prefetch([channel.url], ["noarch"], folder, client=client)


def test_shards_with_a_client_and_without(http_server, folder):
    channel = Sharded({"n0": ["n1 >=1"], "n1": [], "n2": []})
    for name, data in channel.files().items():
        http_server.serve(f"/c/linux-64/{name}", data)
    here, absent = sync.shards(["n0"], [http_server.url("/c")], ["linux-64", "noarch"], folder)
    assert (here.packages, here.packages_conda) == channel.only("n0", "n1")
    assert (here.status, absent.status) == ("fetched", "absent")
    with sync.Client(settings=Settings(user_agent="mine")) as client:
        (again,) = sync.shards("n2", http_server.url("/c"), "linux-64", folder, client=client)
    assert (again.status, again.packages) == ("unchanged", channel.only("n2")[0])
    assert http_server.requests[-1].header("user-agent") == "mine"
    with pytest.raises(MistakeError):
        sync.shards(["n0"], ["a b"], ["noarch"], folder)
