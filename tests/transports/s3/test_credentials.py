"""The AWS chain: each way to credentials, region and endpoint, on either loop, and what is said when one fails."""

import asyncio
import json
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import anyio
import pytest

from asyncfetch._model.errors import AccessDenied, ConnectFailed, MistakeError, Untrusted
from asyncfetch._model.settings import S3, Proxies, Settings, Timeouts, Trust
from asyncfetch._transports.s3 import aside, places
from asyncfetch.testing import HttpServer, Status

from .conftest import content, s3

pytestmark = pytest.mark.anyio
URL = "s3://bucket/key"
DATA = b"data"
EXPIRED = Status(400, body=b"<Error><Code>ExpiredToken</Code><Message>over</Message></Error>")


@pytest.fixture
def server(monkeypatch):
    """Serves the bucket, and is where the environment leads."""
    with HttpServer() as one:
        one.serve("/bucket/key", DATA)
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", one.url(""))
        yield one


def write(aws, name, text):
    (aws / name).write_text(text)


def who(transport, index=-1):
    """Key and region that a request was signed with."""
    signed = transport.sent[index][2].get("authorization")
    return None if signed is None else tuple(signed.partition("Credential=")[2].split("/")[:3:2])


def temporary(key, minutes=60):
    ends = datetime.now(UTC) + timedelta(minutes=minutes)
    return {
        "Code": "Success", "AccessKeyId": key, "SecretAccessKey": "s3cret", "Token": "t0ken",
        "Expiration": ends.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }  # fmt: skip


async def asks(settings=None, url=URL, auth=None):
    async with s3(settings, auth) as transport:
        assert (await content(transport, url))[0] == DATA
        assert len(transport.sent) == 1
        return who(transport)


async def test_environment(server, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ENVKEY")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
    assert await asks() == ("ENVKEY", "us-east-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert await asks() == ("ENVKEY", "eu-west-1")
    monkeypatch.setenv("AWS_REGION", "eu-west-2")
    assert await asks() == ("ENVKEY", "eu-west-2")
    assert await asks(Settings(s3=S3(region="eu-west-3"))) == ("ENVKEY", "eu-west-3")
    assert await asks(Settings(s3=S3(anonymous=True))) is None
    assert await asks(auth={"s3://bucket/": ("MINE", "s3cret")}) == ("MINE", "eu-west-2")


async def test_no_environment_where_none_is_wanted(server, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ENVKEY")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
    assert await asks(Settings(trust_env=False, s3=S3(endpoint_url=server.url("")))) is None


async def test_nobody(server):
    assert await asks() is None


async def test_profiles(server, aws, monkeypatch):
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3")
    write(aws, "aws-credentials", "[one]\naws_access_key_id = ONE\naws_secret_access_key = s3cret\n")
    write(
        aws,
        "aws-config",
        f"[profile one]\nregion = eu-west-1\nendpoint_url = {server.url('')}\n"
        f"[profile two]\nservices = here\nregion = eu-west-2\nsource_profile = one\n"
        f'credential_process = {sys.executable} -c "print(\'{{\\"Version\\": 1, \\"AccessKeyId\\": \\"TWO\\", '
        '\\"SecretAccessKey\\": \\"s3cret\\"}\')"\n'
        f"[services here]\ns3 =\n  endpoint_url = {server.url('')}\n",
    )
    assert await asks(Settings(s3=S3(profile="one"))) == ("ONE", "eu-west-1")
    assert await asks(Settings(s3=S3(buckets={"bucket": S3(profile="two")}))) == ("TWO", "eu-west-2")
    monkeypatch.setenv("AWS_PROFILE", "one")
    assert await asks() == ("ONE", "eu-west-1")


async def test_a_profile_alone_where_the_environment_is_not_trusted(server, aws, monkeypatch):
    """Its files are at home; AWS_CONFIG_FILE would make another of us."""
    for folder, key in ((aws, "NAMED"), (aws / ".aws", "HOME")):
        folder.mkdir(exist_ok=True)
        text = f"[one]\naws_access_key_id = {key}\naws_secret_access_key = s3cret\n"
        (folder / ("credentials" if key == "HOME" else "aws-credentials")).write_text(text)
    (aws / ".aws" / "config").write_text(f"[profile one]\nregion = eu-west-1\nendpoint_url = {server.url('')}\n")
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "environment")
    monkeypatch.setenv("HOME", str(aws))
    monkeypatch.setenv("USERPROFILE", str(aws))
    assert await asks(Settings(trust_env=False, s3=S3(profile="one"))) == ("HOME", "eu-west-1")
    (aws / ".aws" / "credentials").write_text("")  # the profile has none: not those of the container of the environment
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", server.url("/creds"))
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.url("/metadata"))
    named = Settings(trust_env=False, s3=S3(profile="one", endpoint_url=server.url("")), timeouts=Timeouts(connect=0.1))
    monkeypatch.setattr("aiobotocore.utils.AioInstanceMetadataFetcher.retrieve_iam_role_credentials", _nobody)
    assert await asks(named) is None
    assert {request.target for request in server.requests} == {"/bucket/key"}


async def _nobody(_):
    return {}


async def test_container(server, monkeypatch):
    server.serve("/creds", json.dumps(temporary("BOX")).encode(), content_type="application/json")
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", server.url("/creds"))
    async with s3() as transport:
        await content(transport, URL)
        assert who(transport) == ("BOX", "us-east-1")
        assert transport.sent[0][2]["x-amz-security-token"] == "t0ken"


async def test_instance(server, monkeypatch):
    path = "/latest/meta-data/iam/security-credentials/"
    server.serve(path, b"role")
    server.serve(f"{path}role", json.dumps(temporary("EC2")).encode())
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "false")
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.url("/"))
    assert await asks() == ("EC2", "us-east-1")


@pytest.mark.parametrize("way", ["web identity", "role"])
async def test_roles(server, moto, aws, monkeypatch, way):
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", moto.endpoint)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    role = "arn:aws:iam::123456789012:role/reader"
    if way == "role":
        write(aws, "aws-config", f"[profile r]\nrole_arn = {role}\nsource_profile = one\n")
        write(aws, "aws-credentials", "[one]\naws_access_key_id = ONE\naws_secret_access_key = s3cret\n")
        monkeypatch.setenv("AWS_PROFILE", "r")
    else:
        write(aws, "token", "a.web.token")
        monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(aws / "token"))
        monkeypatch.setenv("AWS_ROLE_ARN", role)
    key, region = await asks()
    assert key.startswith("ASIA")
    assert region == "eu-west-1"


SSO = (
    "[profile p]\nsso_account_id = 123456789012\nsso_role_name = reader\n"
    "sso_start_url = https://sso.invalid\nsso_region = eu-west-1\n"
)


async def test_sso(server, aws, monkeypatch):
    import hashlib

    from botocore.credentials import SSOProvider

    cache = aws / "sso"
    cache.mkdir()
    monkeypatch.setattr(SSOProvider, "_SSO_TOKEN_CACHE_DIR", str(cache))  # found out when it was imported
    ends = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    name = hashlib.sha1(b"https://sso.invalid").hexdigest()
    (cache / f"{name}.json").write_text(json.dumps({"accessToken": "sso-t0ken", "expiresAt": ends}))
    role = {"accessKeyId": "SSO", "secretAccessKey": "s3cret", "sessionToken": "t0ken", "expiration": 4_000_000_000_000}
    page = server.serve("/federation/credentials", json.dumps({"roleCredentials": role}).encode())
    write(aws, "aws-config", SSO)
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSO", server.url(""))
    monkeypatch.setenv("AWS_PROFILE", "p")
    assert await asks() == ("SSO", "us-east-1")
    assert page.requests[0].header("x-amz-sso_bearer_token") == "sso-t0ken"


ROLE = (
    "[profile base]\naws_access_key_id = BASE\naws_secret_access_key = s3cret\n"
    "[profile p]\nsource_profile = base\nregion = eu-west-1\nrole_arn = arn:aws:iam::123456789012:role/r\n"
)
STS = b"""<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
<AccessKeyId>ROLE</AccessKeyId><SecretAccessKey>s3cret</SecretAccessKey><SessionToken>t0ken</SessionToken>
<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"""


async def answer_sts(reader, writer):
    """One request of STS, which is a POST, answered."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    await reader.readexactly(length)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nConnection: close\r\n\r\n" + STS)
    writer.close()


@pytest.fixture
async def sts(certificate_authority, aws, server, monkeypatch, anyio_backend_name):
    """STS under TLS of a private authority; gives its port."""
    if anyio_backend_name != "asyncio":
        pytest.skip("the server is asyncio's; the chain runs on a loop of its own either way")
    server = await asyncio.start_server(answer_sts, "127.0.0.1", 0, ssl=certificate_authority.server_context())
    port = server.sockets[0].getsockname()[1]
    write(aws, "aws-config", ROLE)
    monkeypatch.setenv("AWS_PROFILE", "p")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"https://localhost:{port}")
    yield port
    server.close()
    await server.wait_closed()


async def test_the_trust_of_the_client_is_that_of_sts(sts, ca_file, monkeypatch, caplog):
    caplog.set_level("DEBUG")  # botocore's parsers log what STS says
    assert await asks(Settings(trust=Trust(verify=ca_file))) == ("ROLE", "eu-west-1")
    monkeypatch.setenv("SSL_CERT_FILE", ca_file)
    assert await asks(Settings()) == ("ROLE", "eu-west-1")
    monkeypatch.delenv("SSL_CERT_FILE")
    monkeypatch.setenv("AWS_CA_BUNDLE", ca_file)  # botocore's own variable does not widen what we trust
    with pytest.raises(Untrusted, match=r"certificate of `localhost` was issued by .* `Trust\(verify=...\)`"):
        await asks(Settings())
    assert "s3cret" not in caplog.text
    assert "t0ken" not in caplog.text


async def test_the_proxies_of_the_client_lead_to_sts(sts, ca_file, monkeypatch):
    from tests.transports.http.proxy import running, serve_http

    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # a setting beats it
    trust = Trust(verify=ca_file)
    with running(serve_http, ("me", "s3cret")) as proxy:
        settings = Settings(trust=trust, proxies=Proxies(https=proxy.url()))
        assert await asks(settings) == ("ROLE", "eu-west-1")
        assert proxy.asked == [f"CONNECT localhost:{sts}"]
        direct = replace(settings, proxies=Proxies(https=proxy.url(), no_proxy="localhost"))
        assert await asks(direct) == ("ROLE", "eu-west-1")
        assert len(proxy.asked) == 1
        unknown = replace(settings, proxies=Proxies(https=proxy.url().replace("s3cret", "guess")))
        with pytest.raises(AccessDenied, match=r"the proxy `http://\*\*\*@127.0.0.1:\d+/` wants credentials") as caught:
            await asks(unknown)
        assert "guess" not in str(caught.value)
    with pytest.raises(MistakeError, match="SOCKS"):
        await asks(replace(settings, proxies=Proxies(all="socks5://127.0.0.1:9")))


BROKEN = {
    "no such profile": ("", {"AWS_PROFILE": "absent"}, AccessDenied, "absent"),
    "half a key": ("", {"AWS_ACCESS_KEY_ID": "x"}, AccessDenied, "AWS_SECRET_ACCESS_KEY"),
    "sso is over": (SSO, {"AWS_PROFILE": "p"}, AccessDenied, "aws sso login"),
    "no config file": ("not a config [", {}, AccessDenied, "aws-config"),
    "the process fails": (
        f"[profile p]\ncredential_process = {sys.executable} -c \"raise SystemExit('s3cret')\"\n",
        {"AWS_PROFILE": "p"}, AccessDenied, "custom-process",
    ),
    "a second factor": (
        f"{ROLE}mfa_serial = m\n", {"AWS_PROFILE": "p"}, AccessDenied, "mfa_serial",
    ),
    "sts is not there": (
        ROLE, {"AWS_PROFILE": "p", "AWS_ENDPOINT_URL_STS": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"},
        ConnectFailed, "credentials",
    ),
    "no endpoint": ("", {"AWS_ENDPOINT_URL_S3": "nonsense"}, MistakeError, "nonsense"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
async def test_a_setup_that_does_not_work(server, aws, monkeypatch, case):
    config, environment, kind, word = BROKEN[case]
    write(aws, "aws-config", config)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    async with s3() as transport:
        with pytest.raises(kind) as caught:
            await content(transport, URL)
        assert not transport.sent
    assert word in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert caught.value.url == URL


async def test_keys_that_are_over_are_renewed_once(server, monkeypatch):
    page = server.serve("/bucket/key", DATA, faults=[EXPIRED])
    creds = server.serve("/creds", json.dumps(temporary("FIRST")).encode())
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", server.url("/creds"))
    async with s3() as transport:
        async with anyio.create_task_group() as group:
            group.start_soon(content, transport, URL)
            await anyio.to_thread.run_sync(server.wait_until, lambda: creds.hits == 1)
            creds.change(json.dumps(temporary("SECOND")).encode())
        assert [who(transport, index)[0] for index in range(2)] == ["FIRST", "SECOND"]
        page.cue(EXPIRED, EXPIRED)
        with pytest.raises(AccessDenied) as caught:
            await content(transport, URL)
        assert "ExpiredToken" in str(caught.value)
        assert len(transport.sent) == 4


async def test_keys_about_to_end_are_renewed_before(server, monkeypatch):
    monkeypatch.setattr("asyncfetch._transports.s3.chain.PAUSE", 0)
    creds = server.serve("/creds", json.dumps(temporary("SOON", minutes=4)).encode())
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", server.url("/creds"))
    async with s3() as transport:
        await content(transport, URL)
        hits = creds.hits
        creds.change(json.dumps(temporary("LATER")).encode())
        await content(transport, URL)
        await content(transport, URL)
        assert [who(transport, index)[0] for index in range(3)] == ["SOON", "LATER", "LATER"]
        assert creds.hits == hits + 1


async def test_keys_that_still_hold_serve_while_renewing_fails(server, monkeypatch):
    monkeypatch.setattr("asyncfetch._transports.s3.chain.PAUSE", 0)
    monkeypatch.setattr("botocore.utils.ContainerMetadataFetcher.SLEEP_TIME", 0)  # seconds between its tries
    creds = server.serve("/creds", json.dumps(temporary("SOON", minutes=4)).encode())
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", server.url("/creds"))
    async with s3() as transport:
        await content(transport, URL)
        creds.cue(*[Status(404)] * 10)
        await content(transport, URL)
        hits = creds.hits
        await content(transport, URL)  # not tried again at once
        assert [who(transport, index)[0] for index in range(3)] == ["SOON"] * 3
        assert creds.hits == hits > 1


async def test_the_chain_is_asked_once_whoever_asks(server, monkeypatch):
    creds = server.serve("/creds", json.dumps(temporary("BOX")).encode())
    server.serve("/other/key", DATA)
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", server.url("/creds"))
    async with s3() as transport:
        async with anyio.create_task_group() as group:
            for url in (URL, "s3://other/key") * 8:
                group.start_soon(content, transport, url)
        assert len(transport.sent) == 16
        assert creds.hits == 1


async def test_the_chain_is_not_asked_where_nothing_is_left_to_ask(server, monkeypatch):
    async def look_up(wanted, *, unsigned, settings):
        assert wanted.endpoint_url is not None
        assert unsigned
        return await real(wanted, unsigned=unsigned, settings=settings)

    real, asked = places.look_up, []
    monkeypatch.setattr(places, "look_up", look_up)
    monkeypatch.setattr("asyncfetch._transports.s3.chain.run_aside", asked.append)
    known = S3(endpoint_url=server.url(""), region="us-east-1", anonymous=True)
    assert await asks(Settings(s3=known)) is None
    assert not asked


async def test_cancelled_while_the_chain_looks(monkeypatch):
    from asyncfetch.testing import Hold

    with HttpServer() as server:
        creds = server.serve("/creds", always=[Hold()])
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", server.url("/creds"))
        async with s3() as transport:
            async with anyio.create_task_group() as group:
                group.start_soon(content, transport, URL)
                await anyio.to_thread.run_sync(server.wait_until, lambda: creds.hits == 1)
                group.cancel_scope.cancel()
            creds.always = ()
            creds.change(json.dumps(temporary("BOX")).encode())
            server.serve("/bucket/key", DATA)
            monkeypatch.setenv("AWS_ENDPOINT_URL", server.url(""))
            await content(transport, URL)
            assert who(transport)[0] == "BOX"


async def test_aside_gives_results_errors_and_is_cancelled_before_it_began():
    async def gives():
        return threading.current_thread()

    async def fails():
        raise KeyError("mine")

    assert await aside.run_aside(gives) is not threading.current_thread()
    with pytest.raises(KeyError, match="mine"):
        await aside.run_aside(fails)
    began = []

    async def begins():
        began.append(True)

    with anyio.CancelScope() as scope:
        scope.cancel()
        await aside.run_aside(begins)
    assert scope.cancelled_caught
    assert not began
