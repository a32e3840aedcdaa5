"""No secret shows: every case, failing and succeeding, with logging at DEBUG, and then a search through all it left.

Searched are logs (ours and every library's), warnings, standard output and error, files and notes, events, results,
errors as text, as repr, as formatted traceback with all causes, what pickles hold, and the JSON of the command line.
"""

import base64
import io
import json
import logging
import os
import pickle
import subprocess
import sys
import traceback
import warnings
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from asyncfetch import Bearer, Client, FetchError, Proxies, Retry, Settings, Timeouts, Trust
from asyncfetch.testing import Cut, HttpServer, Redirect, RequireBasic, Status

from .places import DATA, keyring

pytestmark = pytest.mark.anyio
SECRET = "hush-Zq7"  # in every secret; no other text has it


@dataclass
class Case:
    """A fetch: what it asks, with what, and whether it succeeds."""

    url: str
    works: bool
    auth: dict = field(default_factory=dict)
    headers: dict = field(default_factory=dict)
    environment: dict = field(default_factory=dict)
    settings: dict = field(default_factory=dict)
    mirrors: tuple = ()


def cases(server, secure, ftp, folder):
    """One of each kind of credential and each kind of failure, by name."""
    at, place = f"127.0.0.1:{server.port}", server.url("")
    me = f"me:{SECRET}"
    (folder / "netrc").write_text(f"machine 127.0.0.1 login me password {SECRET}\n")
    (folder / "broken").write_text(f"machine 127.0.0.1 login me password {SECRET}\nbogus {SECRET}\n")
    store = folder / "binstar" / "data"
    store.mkdir(parents=True)
    (store / f"{quote_plus(place)}.token").write_text(SECRET)
    server.serve("/good", DATA)
    server.serve("/guarded", DATA, always=[RequireBasic("me", SECRET)])
    server.serve(f"/t/{SECRET}/good", DATA)
    server.serve("/cut", DATA, always=[Cut(10_000)])
    server.serve("/busy", always=[Status(503)])
    server.serve("/echo", always=[Status(403, body=SECRET.encode())])  # a server that repeats what it was told
    server.serve("/away", always=[Redirect(f"https://me:{SECRET}@h.invalid/t/{SECRET}/?sig={SECRET}", 302)])
    server.serve("/down", always=[Redirect("/good", 302)])
    server.serve("/loop", always=[Redirect(f"/loop?token={SECRET}", 302)])
    server.serve(f"/t/{SECRET}/elsewhere", always=[Redirect(f"http://localhost:{server.port}/t/{SECRET}/good", 302)])
    signed = f"X-Amz-Signature={SECRET}&X-Amz-Credential={SECRET}&sig={SECRET}"
    proxy = f"http://{me}@127.0.0.1:9"
    return {
        "userinfo": Case(f"http://{me}@{at}/guarded", True),
        "userinfo, refused": Case(f"http://{me}x@{at}/guarded", False),
        "userinfo, absent": Case(f"http://{me}@{at}/absent", False),
        "userinfo, cut": Case(f"http://{me}@{at}/cut", True),
        "userinfo, busy": Case(f"http://{me}@{at}/busy", False),
        "userinfo, nobody there": Case(f"http://{me}@127.0.0.1:9/x", False),
        "userinfo, no such name": Case(f"http://{me}@h.invalid/x", False),
        "userinfo, no TLS there": Case(
            f"https://{me}@{at}/x", False, settings={"timeouts": Timeouts(connect=0.2)}
        ),
        "userinfo, not trusted": Case(f"https://{me}@127.0.0.1:{secure.port}/x", False),
        "a redirect": Case(f"http://{me}@{at}/down", True),
        "a redirect with secrets of its own": Case(f"http://{me}@{at}/away", False),
        "a loop": Case(f"{place}/loop?token={SECRET}", False),
        "auth=": Case(f"{place}/guarded", True, {place: ("me", SECRET)}),
        "auth=, refused": Case(f"{place}/guarded", False, {place: ("me", SECRET + "x")}),
        "a bearer": Case(f"{place}/good", True, {place: Bearer(SECRET)}),
        "a bearer, echoed": Case(f"{place}/echo", False, {place: Bearer(SECRET)}),
        "a header": Case(f"{place}/good", True, headers={"Authorization": f"token {SECRET}", "X-Api-Key": SECRET}),
        "a header, cut": Case(f"{place}/cut", True, headers={"PRIVATE-TOKEN": SECRET}),
        "netrc": Case(f"{place}/guarded", True, environment={"NETRC": str(folder / "netrc")}),
        "netrc, broken": Case(f"{place}/guarded", False, environment={"NETRC": str(folder / "broken")}),
        "a token in the URL": Case(f"{place}/t/{SECRET}/good", True),
        "a token in the URL, absent": Case(f"{place}/t/{SECRET}/absent", False),
        "a token led astray": Case(f"{place}/t/{SECRET}/elsewhere", False),
        "a token of the store": Case(
            f"{place}/good", True, environment={"BINSTAR_CONFIG_DIR": str(folder / "binstar")}
        ),
        "a token of the store, absent": Case(
            f"{place}/absent", False, environment={"BINSTAR_CONFIG_DIR": str(folder / "binstar")}
        ),
        "a keyring": Case(f"{place}/guarded", True, {place: keyring("me", SECRET)}),
        "a keyring, refused": Case(f"{place}/guarded", False, {place: keyring("me", SECRET + "x")}),
        "a keyring that knows none": Case(f"{place}/guarded", False, {place: keyring("")}),
        "a signed URL": Case(f"{place}/good?{signed}", True),
        "a signed URL, absent": Case(f"{place}/absent?{signed}", False),
        "a mirror": Case(f"http://{me}@{at}/absent", True, mirrors=(f"http://{me}@{at}/guarded",)),
        "a proxy, nobody there": Case(f"{place}/x", False, settings={"proxies": Proxies(all=proxy)}),
        "a proxy that is none": Case(f"{place}/x", False, settings={"proxies": Proxies(all=f"gopher://{me}@h")}),
        "a tunnel, nobody there": Case("https://h.invalid/x", False, environment={"HTTPS_PROXY": proxy}),
        "SOCKS, nobody there": Case(
            f"{place}/x", False, settings={"proxies": Proxies(all=proxy.replace("http", "socks5"))}
        ),
        "a client certificate": Case(
            f"https://127.0.0.1:{secure.port}/x", False,
            settings={"trust": Trust(client_cert=(str(folder / "netrc"), str(folder / "netrc"), SECRET))},
        ),
        "s3": Case(
            "s3://bucket/x", False, {"s3://bucket/": ("AK", SECRET, SECRET)},
            environment={"AWS_ENDPOINT_URL": place, "AWS_REGION": "us-east-1"},
        ),
        "s3 of the environment": Case(
            "s3://bucket/x", False,
            environment={
                "AWS_ENDPOINT_URL": place, "AWS_REGION": "x", "AWS_ACCESS_KEY_ID": "AK",
                "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": SECRET,
            },
        ),
        "ftp": Case(f"ftp://{me}@127.0.0.1:{ftp.port}/open", False),
        "ftp, a control character": Case(f"ftp://me:{SECRET}%0d%0a@127.0.0.1:{ftp.port}/open", False),
        "no URL": Case(f"http://me:{SECRET}/@h.invalid:x/", False),
        "a header that is none": Case(f"{place}/good", False, headers={"X-Api-Key": f"{SECRET}\n"}),
    }  # fmt: skip


NAMES = [
    "userinfo", "userinfo, refused", "userinfo, absent", "userinfo, cut", "userinfo, busy", "userinfo, nobody there",
    "userinfo, no such name", "userinfo, no TLS there", "userinfo, not trusted", "a redirect",
    "a redirect with secrets of its own", "a loop", "auth=", "auth=, refused", "a bearer", "a bearer, echoed",
    "a header", "a header, cut", "netrc", "netrc, broken", "a token in the URL", "a token in the URL, absent",
    "a token led astray", "a token of the store", "a token of the store, absent", "a keyring", "a keyring, refused",
    "a keyring that knows none", "a signed URL", "a signed URL, absent", "a mirror", "a proxy, nobody there",
    "a proxy that is none", "a tunnel, nobody there", "SOCKS, nobody there", "a client certificate", "s3",
    "s3 of the environment", "ftp", "ftp, a control character", "no URL", "a header that is none",
]  # fmt: skip


@pytest.fixture(scope="module")
def known(world, tmp_path_factory):
    with HttpServer() as server:
        servers = world.servers
        yield cases(server, servers["https", "good"], servers["ftp", "-"], tmp_path_factory.mktemp("known"))


def forms(secret=SECRET):
    """The secret as it could show: plain, quoted, in Basic credentials at each of the three offsets, in hex."""
    text = secret.encode()
    coded = {base64.b64encode(b"x" * pad + text)[pad and 4 :].rstrip(b"=")[:-1] for pad in range(3)}
    return [text, quote(secret).encode(), text.hex().encode(), base64.b64encode(f"me:{secret}".encode()), *coded]


def told(error):
    """All that can be made of an error but its attributes."""
    formatted = "".join(traceback.format_exception(error))
    state = pickle.loads(pickle.dumps(error))
    return [str(error), repr(error), formatted, repr(error.attempts), str(state), repr(vars(state)), str(error.args)]


async def fetched(case, settings, events, path, said):
    """Carry out a case; gives the error it ends in."""
    try:
        async with Client(settings=settings, auth=case.auth, observer=events.append) as client:
            result = await client.fetch(case.url, path, headers=case.headers or None, mirrors=case.mirrors)
            said += [repr(result), str(result), repr(client), repr(settings)]
            said += [repr(value) for value in case.auth.values() if not isinstance(value, tuple)]
            return None
    except FetchError as error:
        return error


@pytest.mark.parametrize("name", NAMES)
async def test_nothing_shows(known, name, tmp_path, monkeypatch, caplog):
    case = known[name]
    for variable, value in case.environment.items():
        monkeypatch.setenv(variable, value)
    events, said = [], []
    settings = Settings(retry=Retry(attempts=2, backoff=0.0), **case.settings)
    output = io.StringIO()
    caplog.set_level(logging.DEBUG)
    with redirect_stdout(output), redirect_stderr(output), warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        outcome = await fetched(case, settings, events, tmp_path / "file", said)
    assert case.works == (outcome is None), outcome
    said += [] if outcome is None else told(outcome)
    said += [repr(event) for event in events] + [str(one.message) for one in warned] + [output.getvalue()]
    said += [record.getMessage() + str(record.exc_text) + repr(record.args) for record in caplog.records]
    for folder, _, files in os.walk(tmp_path):
        for file in files:
            said.append(file)
            said.append(Path(folder, file).read_bytes().decode("latin-1"))
    whole = "\n".join(said).encode("utf-8", "replace")
    shown = [form for form in forms() if form in whole]
    assert not shown, [line for line in whole.split(b"\n") if any(form in line for form in shown)]
    assert events or not case.works
    assert any(record.name == "asyncfetch" for record in caplog.records) or not case.works


async def test_the_search_finds_what_shows():
    """The test of the test: each form is found where it does show."""
    for form in forms():
        assert len(form) > 5
    header = b"Authorization: Basic " + base64.b64encode(f"me:{SECRET}".encode())
    assert any(form in header for form in forms())
    assert any(form in base64.b64encode(f"somebody:{SECRET}".encode()) for form in forms())


async def test_every_case_has_a_test(known):
    assert sorted(NAMES) == sorted(known)


@pytest.mark.parametrize("json_wanted", [True, False])
def test_the_command_line(known, tmp_path, json_wanted):
    urls = [known[name].url for name in NAMES if known[name].url.startswith("http") and not known[name].settings]
    command = [
        sys.executable,
        "-m",
        "asyncfetch",
        "get",
        *urls,
        "-d",
        f"{tmp_path}/",
        *(["--json"] if json_wanted else []),
    ]
    environment = {**os.environ, "PYTHONASYNCIODEBUG": "0", "COLUMNS": "500"}
    done = subprocess.run(
        command, capture_output=True, check=False, env=environment, stdin=subprocess.DEVNULL, timeout=50
    )
    assert done.returncode in {1, 2}  # some are no URLs
    assert len(done.stdout) + len(done.stderr) > 1000
    if json_wanted:
        assert all(json.loads(line) for line in done.stdout.splitlines())
    lines = [line for line in (done.stdout + done.stderr).split(b"\n") if any(form in line for form in forms())]
    assert not lines
