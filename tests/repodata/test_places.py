"""Where repodata comes from: every scheme, mirrors, tokens, this machine, and nowhere (offline)."""

import os

import pytest

from asyncfetch import Busy, Client, Offline
from asyncfetch.repodata import Channel, prefetch
from asyncfetch.testing import Cut, Status as Answers

from .scene import Served, a_client, age, compressed, contents, key, read, refresh, repodata, state_of

pytestmark = [pytest.mark.anyio, pytest.mark.descriptors]


async def test_offline_asks_nobody(channel, folder):
    data = channel.publish("noarch")
    await refresh(channel.url, ["noarch"], folder)
    channel.forget()
    age(f"{folder}/{key(channel.url + '/noarch')}.json", refresh_ns=1)
    async with a_client(settings={"offline": True}) as client:
        for more in ({"client": client}, {"offline": True}):
            held, missing = await prefetch([channel.url], ["noarch", "osx-64"], folder, **more)
            assert (held.status, held.stale, read(held)) == ("fresh", True, data)
            assert (missing.status, missing.path) == ("failed", None)
            assert isinstance(missing.error, Offline)
    assert channel.asked == []


async def test_offline_a_channel_on_this_machine_is_read(tmp_path, folder):
    (tmp_path / "channel" / "noarch").mkdir(parents=True)
    (tmp_path / "channel" / "noarch" / "repodata.json").write_bytes(repodata())
    outcomes = await prefetch([str(tmp_path / "channel")], ["noarch", "osx-64"], folder, offline=True)
    assert [one.status for one in outcomes] == ["fetched", "absent"]
    (again,) = await prefetch([str(tmp_path / "channel")], ["noarch"], folder, offline=True)
    assert (again.status, again.bytes_transferred) == ("unchanged", 0)


@pytest.mark.parametrize("trouble", [Answers(503), Answers(404), Answers(403), Cut(10)])
async def test_a_mirror_serves_when_the_channel_does_not(channel, folder, elsewhere, trouble):
    main, mirror = channel, Served(elsewhere)
    main.publish("linux-64", always=[trouble])
    data = mirror.publish("linux-64", forms=["json"])
    (outcome,) = await refresh(Channel(main.url, mirrors=[mirror.url]), ["linux-64"], folder)
    assert (outcome.status, outcome.channel, read(outcome)) == ("fetched", main.url, data)
    state = state_of(outcome.path)
    assert state["url"] == main.url + "/linux-64"
    taught = state.get("has_zst", {}).get("value")
    assert taught is (False if trouble == Answers(404) else None)  # a mirror without zst says nothing of the channel


async def test_the_date_of_a_mirror_is_nothing_to_ask_the_channel_with(channel, folder, elsewhere):
    """It was copied late, and is old: what the channel has is newer, and has an earlier date."""
    main, mirror = channel, Served(elsewhere)
    told = {"etag": None, "forms": ["json"]}
    new = main.publish("linux-64", repodata(count=9), last_modified="Tue, 14 Nov 2023 09:59:00 GMT", **told)
    main.files["linux-64", "json"].always = (Answers(503),)
    old = mirror.publish("linux-64", last_modified="Tue, 14 Nov 2023 10:00:00 GMT", **told)
    both = Channel(main.url, mirrors=[mirror.url])
    (outcome,) = await refresh(both, ["linux-64"], folder, ttl=0, formats=["json"])
    assert (outcome.status, read(outcome)) == ("fetched", old)
    (outcome,) = await refresh(both, ["linux-64"], folder, ttl=0, formats=["json"])
    assert outcome.status == "unchanged"  # the mirror knows its own date
    main.files["linux-64", "json"].always = ()
    for status in ("fetched", "unchanged"):
        (outcome,) = await refresh(both, ["linux-64"], folder, ttl=0, formats=["json"])
        assert (outcome.status, read(outcome)) == (status, new)


async def test_a_subdir_is_absent_only_when_everybody_says_so(channel, folder, elsewhere):
    main, mirror = channel, Served(elsewhere)
    (outcome,) = await refresh(Channel(main.url, mirrors=[mirror.url]), ["linux-64"], folder)
    assert outcome.status == "absent"
    mirror.publish("linux-64", always=[Answers(503)])
    (outcome,) = await refresh(Channel(main.url, mirrors=[mirror.url]), ["linux-64"], folder)
    assert outcome.status == "failed"
    assert isinstance(outcome.error, Busy)


async def test_a_token_is_sent_and_shown_to_nobody(http_server, folder, caplog):
    caplog.set_level("DEBUG")
    channel = Served(http_server, "/t/tk-secret/channel")
    data = channel.publish("noarch")
    channel.publish("osx-64", always=[Answers(403)])
    public = http_server.url("/channel")
    async with a_client() as client:
        outcomes = await prefetch(
            [public], ["noarch", "osx-64", "win-64"], folder, client=client, tokens={http_server.url("/"): "tk-secret"}
        )
    assert [one.status for one in outcomes] == ["fetched", "failed", "absent"]
    assert read(outcomes[0]) == data
    assert os.path.basename(outcomes[0].path) == f"{key(public + '/noarch')}.json"  # where conda looks for it
    assert state_of(outcomes[0].path)["url"] == public + "/noarch"
    everything = caplog.text + repr(outcomes) + str(outcomes[1].error)
    everything += "".join(str(contents(os.path.join(folder, name))) for name in os.listdir(folder))
    assert "tk-secret" not in everything


async def test_the_token_of_anaconda_client_is_used(http_server, folder, tmp_path, monkeypatch):
    channel = Served(http_server, "/t/tk-stored/channel")
    channel.publish("noarch")
    store = tmp_path / "binstar" / "data"
    store.mkdir(parents=True)
    site = http_server.url("/").rstrip("/").replace(":", "%3A").replace("/", "%2F")
    (store / f"{site}.token").write_text("tk-stored")
    with monkeypatch.context() as patch:
        patch.setenv("BINSTAR_CONFIG_DIR", str(tmp_path / "binstar"))
        (outcome,) = await prefetch([http_server.url("/channel")], ["noarch"], folder)
        async with a_client() as client:  # trust_env=False
            (without,) = await prefetch([http_server.url("/channel")], ["noarch"], folder + "-2", client=client)
    assert outcome.status == "fetched"
    assert without.status == "failed"


@pytest.mark.parametrize("far_end", ["file", "ftp", "https", "s3"], indirect=True)
async def test_every_scheme(far_end, folder):
    channel = far_end.url("channel")
    async with Client(settings=far_end.settings) as client:
        for form, name in (("json", "repodata.json"), ("zst", "repodata.json.zst")):
            data = repodata(count=len(form))
            far_end.publish(f"channel/noarch/{name}", data if form == "json" else compressed(data))
            for status in ("fetched", "unchanged"):
                (outcome,) = await prefetch([channel], ["noarch"], f"{folder}/{form}", client=client)
                assert (outcome.error, outcome.status, read(outcome)) == (None, status, data)
        (outcome,) = await prefetch([channel], ["osx-64"], folder, client=client)
        assert (outcome.error, outcome.status) == (None, "absent")
