"""No secret shows around a fetch either: through real proxies, on the command line, in lists, traces and caches.

The search is that of test_leaks: all output with logging at DEBUG, all files, all errors with their causes.
"""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from asyncfetch import Client, FetchError, Retry, Settings
from asyncfetch.testing import Cut, FtpServer, HttpServer, RequireBasic, Status

from .places import DATA, PASSWORD, PROXY_PASSWORD
from .test_leaks import forms, told

pytestmark = pytest.mark.anyio
SECRET = "hush-Zq7"


def found(said, *secrets):
    """The lines that show a secret, in whatever form."""
    whole = ("\n".join(said) if isinstance(said, list) else said).encode("utf-8", "replace")
    wanted = [form for secret in secrets for form in forms(secret)]
    return [line for line in whole.split(b"\n") if any(form in line for form in wanted)]


# -- through proxies

# scheme, certificate, proxy, what comes of it; the proxies are those of the matrix
WAYS = [
    ("http", "-", "squid knows us", True), ("http", "-", "squid guessed", False),
    ("http", "-", "tinyproxy knows us", True), ("http", "-", "tinyproxy guessed", False),
    ("http", "-", "microsocks knows us", True), ("http", "-", "microsocks guessed", False),
    ("https", "good", "squid knows us", True), ("https", "good", "squid guessed", False),
    ("https", "expired", "squid knows us", False), ("https", "good", "tinyproxy knows us", True),
    ("https", "good", "microsocks knows us", True), ("https", "expired", "microsocks knows us", False),
    ("s3", "good", "squid knows us", True), ("s3", "good", "squid guessed", False),
    ("ftp", "-", "squid knows us", True), ("ftp", "-", "squid guessed", False),
    ("ftp", "-", "microsocks guessed", False), ("ftp", "-", "-", True), ("ftps", "good", "-", True),
]  # fmt: skip


@pytest.mark.parametrize(("scheme", "certificate", "proxy", "works"), WAYS)
async def test_through_proxies(world, tmp_path, caplog, capfd, anyio_backend_name, scheme, certificate, proxy, works):
    name = proxy.partition(" ")[0]
    if proxy != "-" and not any(one == name for one, _ in world.ports):
        pytest.skip(f"{name} is not here (tests/servers/install.sh gets it)")
    works = works and not (scheme == "ftp" and proxy != "-" and anyio_backend_name == "trio")
    caplog.set_level(logging.DEBUG)
    settings = world.settings(scheme, certificate, proxy, "the authority")
    events, said = [], [repr(settings)]
    try:
        async with Client(settings=settings, observer=events.append) as client:
            result = await client.fetch(world.url(scheme, certificate, "right"), tmp_path / "file")
            said += [repr(result), repr(client)]
            assert (tmp_path / "file").read_bytes() == DATA
            assert works
    except FetchError as error:
        if works:
            raise
        said += told(error)
    said += (
        [repr(event) for event in events] + [record.getMessage() for record in caplog.records] + [*capfd.readouterr()]
    )
    said += [file.read_bytes().decode("latin-1") for file in tmp_path.iterdir()]
    assert not found(said, PASSWORD, PROXY_PASSWORD, "hush-guess")


# -- on the command line


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A server for all of it, an ftp server, and the URL in front of a channel with a token."""
    with HttpServer() as server, FtpServer(user="me", password=SECRET, anonymous=False) as ftp:
        server.serve("/open", DATA)
        server.serve("/guarded", DATA, always=[RequireBasic("me", SECRET)])
        server.serve("/cut", DATA, always=[Cut(1000)])
        server.serve("/busy", always=[Status(503)])
        server.serve(f"/t/{SECRET}/c/a.conda", DATA)
        server.serve(f"/t/{SECRET}/c/noarch/repodata.json", b'{"info": {"subdir": "noarch"}, "packages": {}}')
        server.serve(f"/t/{SECRET}/c/linux-64/repodata.json", b"this is no json")
        ftp.serve("a/open", DATA)
        yield server, ftp


def ran(arguments, folder, **environment):
    """Run the command; gives its status and all it said, files in the folder included."""
    environment = {"COLUMNS": "500", "XDG_CACHE_HOME": str(folder / "cache"), **environment}
    done = subprocess.run(
        [sys.executable, "-m", "asyncfetch", *arguments], capture_output=True, check=False, cwd=folder,
        env={**os.environ, **environment}, stdin=subprocess.DEVNULL, timeout=50,
    )  # fmt: skip
    said = [done.stdout.decode("latin-1"), done.stderr.decode("latin-1")]
    for at, _, files in os.walk(folder):
        said += [f"{at}/{name}\n" + Path(at, name).read_bytes().decode("latin-1") for name in files]
    return done.returncode, said


def lists(server, ftp):
    """Each form of list with secrets in it, and a mistake of each kind beside them."""
    place, digest = f"127.0.0.1:{server.port}", "0" * 64
    me, far = f"http://me:{SECRET}@{place}", f"ftp://me:{SECRET}@127.0.0.1:{ftp.port}"
    signed = f"{server.url('/open')}?X-Amz-Signature={SECRET}&X-Amz-Credential={SECRET}%2Fx&sig={SECRET}"
    token = server.url(f"/t/{SECRET}/c")
    return {
        "urls": f"{me}/guarded\n{me}/absent\n{signed}\nhttp://me:{SECRET}@{place}:x/\n{far}/a/open\n"
        f"http://me:{SECRET}@h.invalid/\n{me}/cut\n{me}/busy\ngopher://me:{SECRET}@h/\nme:{SECRET}@h.invalid\n",
        "aria2": f"{me}/absent\t{me}/guarded\n out=one\n header=X-Api-Key: {SECRET}\n"
        f"{me}/guarded\n header=Authorization {SECRET}\n"
        f"{me}/open\n out=two\n header=Authorization {SECRET}: x\n{me}/open\n password={SECRET}\n",
        "conda": f"@EXPLICIT\n{token}/a.conda#sha256:{digest}\n{token}/b.conda\n{token}/a.conda#{SECRET}\n"
        f"http://me:{SECRET}@h.invalid:x/t/{SECRET}/a.conda\n",
        "pylock": 'lock-version = "1.0"\n[[packages]]\nname = "a"\n'
        f'sdist = {{url = "{me}/absent.tar.gz", hashes = {{}}}}\n'
        f'[[packages]]\nname = "b"\nsdist = {{url = "http://me:{SECRET}@{place}:x/b.tar.gz", hashes = {{}}}}\n',
        "pylock, broken": f'lock-version = "1.0"\n[[packages]]\nname = "a"\nurl = "{me}/a\n',
        "conda-lock": "version: 1\npackage:\n"
        f"- {{name: a, platform: linux-64, url: '{token}/b.conda', hash: {{}}}}\n"
        f"- {{name: b, platform: linux-64, url: 'http://me:{SECRET}@{place}:x/', hash: {{md5: {SECRET}}}}}\n",
        "conda-lock, broken": f"version: 1\npackage:\n- url: 'http://me:{SECRET}@{place}/\n",
        "metalink": '<metalink xmlns="urn:ietf:params:xml:ns:metalink">'
        f'<file name="a"><url>{me}/absent</url><url>{me}/guarded</url></file>'
        f'<file name="b"><hash type="sha-256">{digest}</hash><url>{token}/a.conda</url></file>'
        f'<file name="c"><url>http://me:{SECRET}@{place}:x/</url></file></metalink>',
        "metalink, broken": f'<metalink xmlns="urn:ietf:params:xml:ns:metalink"><file name="a"><url>{me}/</metalink>',
    }  # fmt: skip


LISTS = [
    "urls", "aria2", "conda", "pylock", "pylock, broken", "conda-lock", "conda-lock, broken", "metalink",
    "metalink, broken",
]  # fmt: skip


@pytest.mark.parametrize("name", LISTS)
def test_lists(place, tmp_path, name):
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "in" / "list").write_text(lists(*place)[name])
    command = [
        "get",
        "-i",
        "../in/list",
        "--trace",
        "trace",
        "--retries",
        "0",
        "--platform",
        "linux-64",
        "--json",
        "-vv",
    ]
    status, said = ran(command, tmp_path / "out")
    assert status in {1, 2}  # each has something wrong in it
    assert all("error" in text for text in said[:2])  # as JSON, and as text
    assert not found(said, SECRET)
    assert json.loads((tmp_path / "out" / "trace").read_text()) or "broken" in name


def test_every_list_has_a_test(place):
    assert sorted(LISTS) == sorted(lists(*place))


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["stat", "{http}/guarded", "{http}/absent", "{open}?sig={secret}"], 1),
        (["stat", "--json", "{http}/guarded", "{http}/absent", "{ftp}/a/open"], 1),
        (["cat", "{http}/absent"], 1),
        (["list", "{ftp}/a/"], 0),
        (["list", "--json", "{ftp}/a/"], 0),
        (["list", "{ftp}/b/"], 1),
        (["repodata", "{token}/c", "--subdir", "noarch", "--cache-dir", "cache"], 0),
        (["repodata", "{token}/c", "--subdir", "noarch", "--subdir", "win-64", "--cache-dir", "cache"], 0),
        (["repodata", "--json", "{token}/c", "--subdir", "linux-64", "--cache-dir", "cache", "-vv"], None),
        (["get", "{open}", "--header", "Authorization Bearer {secret}"], 2),
        (["get", "{open}", "--header", "Authorization: Bearer {secret}", "-vv"], 0),
        (["get", "{open}", "--header", "Proxy-Authorization: Basic {secret}"], 2),
        (["get", "{open}", "--proxy", "gopher://me:{secret}@h"], 2),
        (["get", "{open}", "--proxy", "http://me:{secret}@127.0.0.1:9", "--retries", "0", "-vv"], 1),
        (["get", "{open}", "--proxy", "http://me:{secret}@127.0.0.1:x"], 1),
        (["get", "s3://bucket/x", "--s3-endpoint", "http://me:{secret}@127.0.0.1:9"], 1),
        (["get", "s3://me:{secret}@bucket/x"], 1),
        (["get", "http://me:{secret}@127.0.0.1:x/"], 2),
        (["get", "{http}/guarded", "--mirror", "http://me:{secret}@127.0.0.1:x/"], 2),
        (["get", "{http}/guarded", "--secret", "{secret}x"], 2),
        (["get", "{http}/guarded", "--secret={secret}x"], 2),
        (["get", "{http}/guarded", "{http}/cut", "{http}/busy", "-vv", "--retries", "0"], 1),
    ],
)  # fmt: skip
def test_commands(place, tmp_path, arguments, status):
    server, ftp = place
    names = {
        "http": f"http://me:{SECRET}@127.0.0.1:{server.port}", "open": server.url("/open"), "secret": SECRET,
        "token": server.url(f"/t/{SECRET}"), "ftp": f"ftp://me:{SECRET}@127.0.0.1:{ftp.port}",
    }  # fmt: skip
    came, said = ran([argument.format(**names) for argument in arguments], tmp_path)
    assert came == status or (status is None and came in {0, 1}), said
    assert "".join(said)
    assert not found(said, SECRET)


# -- other doors


async def test_streams_and_looks(place, caplog):
    caplog.set_level(logging.DEBUG)
    server, ftp = place
    said = []
    me, far = f"http://me:{SECRET}@127.0.0.1:{server.port}", f"ftp://me:{SECRET}@127.0.0.1:{ftp.port}"
    async with Client(settings=Settings(retry=Retry(attempts=1))) as client:
        for url in (f"{me}/guarded", f"{me}/absent", f"{far}/a/open", f"{far}/b", server.url(f"/t/{SECRET}/absent")):
            for ask in (client.stat, client.read):
                try:
                    said.append(repr(await ask(url)))
                except FetchError as error:
                    said += told(error)
            try:
                async with client.open(url) as body:
                    said += [
                        repr(body),
                        repr(body.validator),
                        str(body.url),
                        repr([part async for part in body.chunks]),
                    ]
            except FetchError as error:
                said += told(error)
        said += [repr(entry) async for entry in client.list(f"{far}/a/")]
    assert len(said) > 20
    assert not found([*said, caplog.text], SECRET)
