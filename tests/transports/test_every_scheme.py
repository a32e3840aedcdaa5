"""The table of schemes, row by row, for every server of every scheme: what one of them promises, they all keep.

| row                               | test                                   |
| --------------------------------- | -------------------------------------- |
| URL                               | test_a_url_is_decoded                  |
| full, resumed, unchanged          | test_full, test_resumed, test_unchanged |
| validator                         | test_validator                         |
| several connections for one file  | test_several_connections               |
| listing                           | test_listing                           |
| credentials                       | test_credentials                       |
| endpoint                          | test_endpoint                          |
| copies                            | test_copies                            |
| not found, not permitted          | test_what_is_not_there                 |
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import anyio
import pytest

from asyncfetch import AccessDenied, FetchError, NotFound, UnsupportedScheme, Url
from asyncfetch._disk.note import read_note
from asyncfetch._model.exchange import Answer, Request
from asyncfetch._transports.ftp.control import Control
from asyncfetch.testing import Pattern

from .places import PLACES, open_place

pytestmark = pytest.mark.anyio
DATA = Pattern(5_000_000, seed=11).read()
OTHER = Pattern(5_000_000, seed=12).read()
LISTING = {"s3", "ftp", "ftps", "file"}
# names that a file system can have, and what a URL has to encode in them
NAMES = ["plain.conda", "a b+c.txt", "100%41.txt", "d/#1?x;y&z=1.txt", "Größe-日本.txt", "[a]{b}'c'.txt", "UPPER.TXT"]


WHERE = [
    (loop, scheme, name)
    for scheme, names in PLACES.items()
    for name in names
    for loop in (("asyncio", "trio") if name == names[0] else ("asyncio",))
]


@pytest.fixture(scope="module", params=WHERE, ids=lambda where: "-".join(where).replace(" ", "-"))
def where(request):
    return request.param


@pytest.fixture(scope="module")
def anyio_backend(where):
    return where[0]


@pytest.fixture(scope="module")
def place(where, request):
    with open_place(*where[1:], request) as one:
        yield one


@pytest.fixture
def only(place):
    """Skip what the table leaves empty for a scheme."""

    def keep(*schemes):
        if place.scheme not in schemes:
            pytest.skip(f"not a promise of {place.scheme}")

    return keep


async def transport_for(client, url):
    """Give the transport that a client uses for a URL."""
    about = await client.stat(url)
    return client._lent[Url.of(url).scheme], about


async def interrupted(client, url, to):
    """Fetch until at least a megabyte is there and noted, then stop; give how much that is."""
    part, note = Path(f"{to}.part"), f"{to}.part.json"
    async with anyio.create_task_group() as group:
        group.start_soon(client.fetch, url, to)
        for _ in range(5_000):
            if part.exists() and read_note(note, part.stat().st_size).length >= 1_000_000:
                break
            await anyio.sleep(0.002)
        group.cancel_scope.cancel()
    assert not to.exists()
    return read_note(note, part.stat().st_size).length


# --- URL


async def test_a_url_is_decoded(place):
    async with place.client() as client:
        for name in NAMES:
            assert await client.read(place.far.publish(name, name.encode())) == name.encode()


# --- full, resumed, unchanged


async def test_full(place, tmp_path):
    url, digest = place.far.publish("full", DATA), f"sha256:{hashlib.sha256(DATA).hexdigest()}"
    async with place.client() as client:
        result = await client.fetch(url, tmp_path / "full", digest=digest)
    assert (tmp_path / "full").read_bytes() == DATA
    assert (result.size, result.transferred, str(result.digest)) == (len(DATA), len(DATA), digest)
    assert os.listdir(tmp_path) == ["full"]


async def test_resumed(place, tmp_path):
    url, to = place.far.publish("resumed", DATA), tmp_path / "resumed"
    async with place.slow_client() as client:
        held = await interrupted(client, url, to)
    assert 1_000_000 <= held < len(DATA)
    async with place.client() as client:
        result = await client.fetch(url, to)
    assert to.read_bytes() == DATA
    assert (result.resumed_from, result.transferred) == (held, len(DATA) - held)


async def test_not_resumed_when_it_is_another(place, tmp_path):
    url, to = place.far.publish("changing", DATA), tmp_path / "changing"
    async with place.slow_client() as client:
        await interrupted(client, url, to)
    place.far.publish("changing", OTHER)  # as many bytes
    async with place.client() as client:
        result = await client.fetch(url, to)
    assert to.read_bytes() == OTHER
    assert result.resumed_from == 0


async def test_unchanged(place, tmp_path):
    url, to = place.far.publish("unchanged", DATA), tmp_path / "unchanged"
    async with place.client() as client:
        first = await client.fetch(url, to)
        again = await client.fetch(url, to, unless=first.validator)
        assert (again.unchanged, again.transferred, again.size) == (True, 0, len(DATA))
        place.far.publish("unchanged", OTHER)
        changed = await client.fetch(url, to, unless=first.validator)
        assert (changed.unchanged, to.read_bytes()) == (False, OTHER)


# --- validator

STATED = {
    "http": {"etag", "modified", "size"}, "https": {"etag", "modified", "size"}, "s3": {"etag", "size"},
    "ftp": {"modified", "size"}, "ftps": {"modified", "size"}, "file": {"etag", "modified", "size"},
}  # fmt: skip


async def test_validator(place):
    url = place.far.publish("validator", DATA)
    async with place.client() as client:
        about = await client.stat(url)
        assert about.validator.strong
        assert {name for name in ("etag", "modified", "size") if getattr(about.validator, name)} >= STATED[place.scheme]
        assert (about.validator.source, about.size) == (str(Url(url)), len(DATA))
        assert about.validator == (await client.stat(url)).validator
        place.far.publish("validator", OTHER)
        assert not (await client.stat(url)).validator.agrees(about.validator)


# --- several connections


async def test_several_connections(place):
    url, parts = place.far.publish("parts", DATA), {}
    async with place.client() as client:
        transport, about = await transport_for(client, url)

        async def part(start, end):
            request = Request(Url(url), start, end, matching=about.validator)
            async with transport.open(request) as body:
                assert (body.answer, body.offset, body.size) == (Answer.PARTIAL, start, len(DATA))
                parts[start] = b"".join([chunk async for chunk in body.chunks])

        async with anyio.create_task_group() as group:
            for start in range(0, len(DATA), 1_250_000):
                group.start_soon(part, start, start + 1_250_000)
    assert b"".join(parts[start] for start in sorted(parts)) == DATA


# --- listing


async def test_listing(place):
    for name in ("shelf/one", "shelf/two words", "shelf/100%41", "shelf/below/three"):
        place.far.publish(name, b"12345")
    async with place.client() as client:
        if place.scheme not in LISTING:
            with pytest.raises(UnsupportedScheme):
                [entry async for entry in client.list(place.far.url("shelf") + "/")]
            return
        entries = {entry.name: entry async for entry in client.list(place.far.url("shelf") + "/")}
        assert {name: entry.kind for name, entry in entries.items()} == {
            "one": "file", "two words": "file", "100%41": "file", "below": "directory",
        }  # fmt: skip
        for entry in entries.values():
            if entry.kind == "file":
                assert entry.size == 5
                assert await client.read(entry.url) == b"12345"
        assert [entry.name async for entry in client.list(entries["below"].url)] == ["three"]
        with pytest.raises(NotFound):
            [entry async for entry in client.list(place.far.url("no-shelf") + "/")]


# --- credentials


async def test_credentials(place, only, tmp_path, monkeypatch):
    only("s3", "ftp", "ftps")
    url = place.far.publish("mine", b"mine")
    if place.scheme == "s3":
        async with place.client(auth={}) as client:
            if place.name != "moto":  # which lets in anybody whose request is signed
                with pytest.raises(AccessDenied):
                    await client.read(url)
        ((user, secret),) = set(place.auth.values())
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", user)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
        async with place.client(auth={}) as client:
            assert await client.read(url) == b"mine"
        return
    who = Url(url)
    if who.user is None:
        return  # anonymous: that it is let in is what all the other rows show
    bare = url.replace(f"{url.partition('//')[2].partition('@')[0]}@", "", 1)
    netrc = tmp_path / "netrc"
    netrc.write_text(f'machine {who.host} login {who.user} password "{who.password}"\n')
    netrc.chmod(0o600)
    async with place.client(auth={bare: (who.user, who.password)}) as client:
        assert await client.read(bare) == b"mine"
    monkeypatch.setenv("NETRC", str(netrc))
    async with place.client() as client:
        assert await client.read(bare) == b"mine"
        if place.name != "pure-ftpd":  # which waits for seconds before it says no
            with pytest.raises(AccessDenied):
                await client.read(url.replace(who.user, "nobody", 1))


# --- endpoint


async def test_endpoint(place, only, monkeypatch):
    only("s3", "ftp", "ftps")
    url = place.far.publish("endpoint", b"here")
    if place.scheme == "s3":
        from asyncfetch import S3

        bucket, endpoint = Url(url).host, place.settings.s3.endpoint_url
        for told in (S3(endpoint_url=endpoint), S3(buckets={bucket: S3(endpoint_url=endpoint)}), S3()):
            async with place.client(s3=told) as client:
                assert await client.read(url) == b"here"
            monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)  # for the last one
    else:  # every server names an address that is not its own in its replies to PASV
        monkeypatch.setattr(Control, "__init__", _without_epsv(Control.__init__))
        async with place.client() as client:
            assert await client.read(url) == b"here"


def _without_epsv(make):
    def init(self, *arguments, **more):
        make(self, *arguments, **more)
        self.lacks.add("EPSV")

    return init


# --- copies


async def test_copies(place, only, tmp_path):
    only("file")
    url = place.far.publish("copied", DATA)
    async with place.client() as client:
        result = await client.fetch(url, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == DATA
    assert result.transferred == len(DATA)
    assert not os.path.samefile(tmp_path / "copy", Url(url).decoded_path)


# --- not found, not permitted


async def test_what_is_not_there(place, tmp_path):
    place.far.publish("there", b"x")
    async with place.client() as client:
        for name in ("not-there", "no/such/folder"):
            with pytest.raises(NotFound) as caught:
                await client.fetch(place.far.url(name), tmp_path / "none")
            assert len(caught.value.attempts) == 1
            with pytest.raises(NotFound):
                await client.stat(place.far.url(name))
        assert os.listdir(tmp_path) == []


async def test_a_refusal_is_not_called_missing(place, only):
    only("ftp", "ftps", "file")
    if place.name == "pyftpdlib" or (place.scheme == "file" and os.geteuid() == 0):
        pytest.skip("it serves as root, to whom nothing is forbidden")
    url = place.far.publish("closed", b"x")
    os.chmod(place.far.folder / "closed", 0o600)
    async with place.client() as client:
        with pytest.raises(FetchError) as caught:
            await client.read(url)
    assert type(caught.value) is AccessDenied


def test_the_table_is_whole():
    assert all(len(names) >= 2 for names in PLACES.values())
    assert set(PLACES) == {"http", "https", "s3", "ftp", "ftps", "file"}
