"""The blocking form: the same arguments, the same outcomes."""

import inspect

import pytest

from asyncfetch import MistakeError, Settings, sync
from asyncfetch.repodata import prefetch

from .scene import read


def test_the_arguments_are_the_same():
    ours, theirs = (inspect.signature(one).parameters for one in (sync.prefetch, prefetch))
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
