"""Schemes find their transports; plugins add theirs."""

from importlib.metadata import EntryPoint, EntryPoints

import pytest

from asyncfetch import MistakeError, Settings, Transport, UnsupportedScheme
from asyncfetch._transports import registry


async def lend(scheme):
    raise AssertionError(scheme)


@pytest.mark.parametrize("scheme", registry.HOMES)
def test_ours_are_made_alike(scheme):
    transport = registry.maker(scheme)(Settings(trust_env=False), auth=None, lend=lend)
    assert isinstance(transport, Transport)


@pytest.fixture
def plugin(monkeypatch):
    def add(name, value):
        point = EntryPoint(name, value, registry.GROUP)
        monkeypatch.setattr("importlib.metadata.entry_points", lambda group: EntryPoints([point]).select(group=group))

    return add


class Made:
    def __init__(self, settings, *, auth, lend):
        self.auth = auth


def test_a_plugin(plugin):
    plugin("SFTP", f"{__name__}:Made")
    assert registry.maker("sftp")(Settings(), auth={"a": 1}, lend=lend).auth == {"a": 1}


def test_a_plugin_does_not_take_over_our_schemes(plugin):
    plugin("https", f"{__name__}:Made")
    assert registry.maker("https") is not Made


def test_a_scheme_that_nobody_serves(plugin):
    plugin("sftp", f"{__name__}:Made")
    with pytest.raises(UnsupportedScheme, match="there is file, ftp, ftps, http, https, s3, sftp") as caught:
        registry.maker("gopher")
    assert "gopher://" in str(caught.value)


@pytest.mark.parametrize("value", ["no_such_module_at_all:X", f"{__name__}:Missing", "tests.transports.broken:X"])
def test_a_plugin_that_does_not_load(plugin, value):
    plugin("sftp", value)
    with pytest.raises(MistakeError, match="sftp") as caught:
        registry.maker("sftp")
    assert caught.value.__cause__ is not None
