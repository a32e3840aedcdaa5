"""What people have in their environment: honoured where nothing is stated, beaten by what is, unread if not trusted.

Each variable is set to something that cannot work, so that a fetch tells whether it was heeded.
"""

import os
import subprocess
import sys
import tempfile
import textwrap
import warnings

import pytest

from asyncfetch import S3, Client, FetchError, Proxies, Retry, Settings, Trust
from asyncfetch.testing import RequireBasic

pytestmark = pytest.mark.anyio
NOBODY = "http://127.0.0.1:9"
HTTP, HTTPS, FTP, S3_ = "http", "https", "ftp", "s3"
KEYS = {"AWS_ACCESS_KEY_ID": "ENV", "AWS_SECRET_ACCESS_KEY": "x"}

# variables, the scheme asked, what is stated against them (settings, auth, in front of the host)
BEATEN = [
    *(({name: NOBODY}, HTTP, {"proxies": Proxies(http="")}) for name in ("http_proxy", "HTTP_PROXY")),
    *(({name: NOBODY}, HTTP, {"proxies": Proxies(no_proxy="127.0.0.0/8")}) for name in ("http_proxy", "ALL_PROXY")),
    *(({name: NOBODY}, HTTPS, {"proxies": Proxies(https="")}) for name in ("https_proxy", "HTTPS_PROXY")),
    *(({name: NOBODY}, HTTP, {"proxies": Proxies(all="")}) for name in ("all_proxy", "ALL_PROXY")),
    *(({name: NOBODY}, FTP, {"proxies": Proxies(all="")}) for name in ("ftp_proxy", "FTP_PROXY", "all_proxy")),
    ({"SSL_CERT_FILE": "/nowhere"}, HTTPS, {}),  # the authority is stated for all of these
    ({"SSL_CERT_DIR": "/nowhere"}, HTTPS, {}),
    ({"SSL_CERT_FILE": "/nowhere"}, HTTPS, {"trust": Trust(verify=False)}),
    ({"NETRC": "{netrc}"}, HTTP, {"who": "me:pw@"}),
    ({"NETRC": "{netrc}"}, HTTP, {"auth": ("me", "pw")}),
    ({"NETRC": "{netrc}"}, FTP, {"who": "me:pw@"}),
    ({"NETRC": "{netrc}"}, FTP, {"auth": ("me", "pw")}),
    ({"AWS_ENDPOINT_URL": NOBODY}, S3_, {}),  # and so is the endpoint
    ({"AWS_ENDPOINT_URL_S3": NOBODY}, S3_, {}),
    ({"AWS_REGION": "eu-env-1"}, S3_, {"auth": ("MINE", "y"), "signed": "MINE/us-east-1"}),
    ({**KEYS, "AWS_REGION": "eu-env-1"}, S3_, {"auth": ("MINE", "y"), "signed": "MINE/us-east-1"}),
    (KEYS, S3_, {"s3": {"anonymous": True}, "signed": ""}),
    ({"AWS_PROFILE": "nobody"}, S3_, {"s3": {"profile": "somebody"}, "signed": "FILE/us-east-1"}),
]  # fmt: skip


@pytest.fixture
def places(http_server, https_server, ftp, tmp_path):
    """The URL to ask, by scheme: all of them want credentials but s3."""
    for server in (http_server, https_server):
        server.serve("/a", b"x", always=[RequireBasic("me", "pw")])
    http_server.serve("/bucket/a", b"x")
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password of-the-environment\n")
    (tmp_path / "config").write_text("[profile somebody]\naws_access_key_id = FILE\naws_secret_access_key = z\n")
    return {
        HTTP: http_server.url("/a"), HTTPS: https_server.url("/a"), FTP: f"ftp://127.0.0.1:{ftp.port}/a",
        S3_: "s3://bucket/a",
    }  # fmt: skip


@pytest.fixture(scope="module")
def ftp():
    from asyncfetch.testing import FtpServer

    with FtpServer(user="me", password="pw", anonymous=False) as server:
        server.serve("a", b"x")
        yield server


def stated(scheme, places, http_server, ca_file, *, s3=None, who=None, auth=None, signed=None, **settings):
    """Settings, auth and the URL for what is stated."""
    endpoint = {"endpoint_url": http_server.url(""), "region": "us-east-1", **(s3 or {})}
    settings = Settings(
        **{"trust": Trust(verify=ca_file), "retry": Retry(attempts=1), "s3": S3(**endpoint), **settings}
    )
    url = places[scheme]
    if who is None and auth is None and scheme != S3_:
        who = "me:pw@"
    prefix = url.rpartition("/")[0] + "/"
    return settings, {} if auth is None else {prefix: auth}, url.replace("//", f"//{who or ''}")


@pytest.mark.parametrize(("variables", "scheme", "against"), BEATEN)
async def test_what_is_stated_beats_what_is_set(
    places, http_server, ca_file, tmp_path, monkeypatch, variables, scheme, against
):
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    for name, value in variables.items():
        monkeypatch.setenv(name, value.format(netrc=tmp_path / "netrc"))
    settings, auth, url = stated(scheme, places, http_server, ca_file, **against)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore" if settings.trust.verify is False else "error")
        async with Client(settings=settings, auth=auth) as client:
            assert await client.read(url) == b"x"
    if (signed := against.get("signed")) is not None:
        said = http_server.requests[-1].header("authorization") or ""
        key, _, region = signed.partition("/")
        assert f"Credential={key}/" in said if signed else not said
        assert not signed or f"/{region}/s3/" in said


HEEDED = [
    *(({name: NOBODY}, HTTP) for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")),
    *(({name: NOBODY}, HTTPS) for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")),
    *(({name: NOBODY}, FTP) for name in ("ftp_proxy", "FTP_PROXY", "all_proxy", "ALL_PROXY")),
    ({"SSL_CERT_FILE": "/nowhere"}, HTTPS), ({"SSL_CERT_DIR": "/nowhere"}, HTTPS),
    ({"NETRC": "{netrc}"}, HTTP), ({"NETRC": "{netrc}"}, FTP),
    ({"AWS_ENDPOINT_URL": NOBODY}, S3_), ({"AWS_ENDPOINT_URL_S3": NOBODY}, S3_), ({"AWS_PROFILE": "nobody"}, S3_),
]  # fmt: skip


@pytest.mark.parametrize(("variables", "scheme"), HEEDED)
async def test_what_is_set_counts_where_nothing_is_stated(
    places, http_server, ca_file, tmp_path, monkeypatch, anyio_backend_name, variables, scheme
):
    """And is not even looked at with trust_env=False."""
    working = {"AWS_CONFIG_FILE": str(tmp_path / "config"), "SSL_CERT_FILE": ca_file}
    if scheme == S3_:
        working["AWS_ENDPOINT_URL"] = http_server.url("")
    for name, value in {**working, **variables}.items():
        monkeypatch.setenv(name, value.format(netrc=tmp_path / "netrc"))
    anonymous = "NETRC" in variables
    url = places[scheme] if anonymous or scheme == S3_ else places[scheme].replace("//", "//me:pw@")
    quick = Settings(retry=Retry(attempts=1), s3=S3(region="us-east-1"))
    async with Client(settings=quick) as client:
        with pytest.raises(FetchError) as caught:
            await client.read(url)
    text = str(caught.value)
    told = {"SSL_CERT_FILE": "SSL_CERT_FILE", "SSL_CERT_DIR": "SSL_CERT_DIR", "AWS_PROFILE": "nobody", "NETRC": "1|530"}
    (name,) = variables
    if scheme == FTP and "proxy" in name.lower() and anyio_backend_name == "trio":
        assert "a proxy on asyncio alone" in text
    else:
        assert any(part in text for part in told.get(name, "127.0.0.1:9").split("|")), text
    stated = Settings(
        retry=Retry(attempts=1), trust_env=False, trust=Trust(verify=ca_file),
        s3=S3(endpoint_url=http_server.url(""), region="us-east-1"),
    )  # fmt: skip
    async with Client(settings=stated) as client:
        assert await client.read(url if not anonymous else url.replace("//", "//me:pw@")) == b"x"


@pytest.mark.parametrize("library", ["asyncio", "trio"])
def test_nothing_is_read_where_nothing_is_trusted(library):
    """In a process of its own, whose environment takes note of who looks at it. No scheme of ours does."""
    code = """
        import anyio, asyncfetch, os, sys
        from collections.abc import MutableMapping
        from asyncfetch.testing import Authority, FtpServer, HttpServer

        class Watched(MutableMapping):
            def __init__(self, real): self.real, self.seen = real, set()
            def __getitem__(self, name): self.seen.add(name); return self.real[name]
            def __iter__(self): self.seen.add("*"); return iter(self.real)
            def __setitem__(self, name, value): self.real[name] = value
            def __delitem__(self, name): del self.real[name]
            def __len__(self): return len(self.real)

        async def ask(trust_env):
            settings = asyncfetch.Settings(
                trust_env=trust_env, retry=asyncfetch.Retry(attempts=1), trust=asyncfetch.Trust(verify=sys.argv[2]),
                s3=asyncfetch.S3(endpoint_url=web.url(""), region="us-east-1"),
            )
            auth = {"s3://mine/": ("AK", "secret")}
            before = set(watched.seen)
            async with asyncfetch.Client(settings=settings, auth=auth) as client:
                for url in urls:
                    assert await client.read(url) == b"x", url
            return watched.seen - before

        authority = Authority()
        authority.write(sys.argv[2])
        with HttpServer() as web, HttpServer(tls=authority) as secure, FtpServer() as ftp:
            for server, path in ((web, "/a"), (secure, "/a"), (web, "/b/a"), (web, "/mine/a")):
                server.serve(path, b"x")
            urls = [web.url("/a"), secure.url("/a"), ftp.serve("a", b"x").url, "s3://b/a", "s3://mine/a"]
            os.environ = watched = Watched(os.environ)
            os.getenv = lambda name, default=None: watched.get(name, default)
            print(*sorted(anyio.run(ask, False, backend=sys.argv[1])))
            del urls[1:]
            assert "*" in anyio.run(ask, True, backend=sys.argv[1])
    """
    clean = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code), library, os.path.join(folder, "ca.pem")],
            capture_output=True, check=False, timeout=50, text=True, env={**clean, "HOME": folder},
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    # what libraries look at when they are imported, of themselves
    foreign = {name for name in done.stdout.split() if name.startswith("PYTHON") or name.endswith("_NO_EXTENSIONS")}
    assert set(done.stdout.split()) <= foreign | {"ANYIO_BACKEND"}
