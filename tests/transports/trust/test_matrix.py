# ruff: noqa: E501 - a row of the table is one line
"""Scheme x proxy x certificate x trust x credentials, and what comes of each: the table reads as documentation.

"-" is none, or the default. Proxies are real ones: squid and tinyproxy (HTTP), microsocks (SOCKS5); "knows us" demands
a user and is told the right one, "does not" is told none, "guessed" a wrong one. "the authority" is a file of one
private authority; "anyone" is ``verify=False``.
"""

import logging
import warnings

import pytest

import asyncfetch
from asyncfetch import Client

from ...thorough import times
from .places import DATA, SECRETS

pytestmark = pytest.mark.anyio

TABLE = """
scheme | certificate | proxy                | trust         | credentials | outcome
------ | ----------- | -------------------- | ------------- | ----------- | ------------------------------------------------
http   | -           | -                    | -             | -           | fetched
http   | -           | -                    | -             | right       | fetched
http   | -           | -                    | -             | wrong       | AccessDenied: 401
http   | -           | -                    | -             | none        | AccessDenied: 401.*credentials in the URL
http   | -           | squid knows us       | -             | right       | fetched
http   | -           | squid knows us       | -             | wrong       | AccessDenied: 401
http   | -           | squid does not       | -             | right       | AccessDenied: proxy `http://127.*wants credentials
http   | -           | squid guessed        | -             | -           | AccessDenied: proxy `http://\\*\\*\\*@127.*wants other
http   | -           | tinyproxy open       | -             | right       | fetched
http   | -           | tinyproxy knows us   | -             | -           | fetched
http   | -           | tinyproxy does not   | -             | -           | AccessDenied: proxy `http://127.*wants credentials
http   | -           | microsocks open      | -             | right       | fetched
http   | -           | microsocks knows us  | -             | -           | fetched
http   | -           | microsocks does not  | -             | -           | AccessDenied: proxy `socks5h://127.*wants credentials
http   | -           | microsocks guessed   | -             | -           | AccessDenied: proxy `socks5h://\\*\\*\\*@127.*wants other
https  | good        | -                    | the authority | -           | fetched
https  | good        | -                    | the authority | right       | fetched
https  | good        | -                    | the authority | wrong       | AccessDenied: 401
https  | good        | -                    | -             | right       | Untrusted: `localhost` was issued by.*`Trust\\(verify=
https  | good        | squid knows us       | the authority | right       | fetched
https  | good        | squid does not       | the authority | right       | AccessDenied: proxy `http://127.*wants credentials
https  | good        | squid guessed        | the authority | right       | AccessDenied: proxy `http://\\*\\*\\*@127.*wants other
https  | good        | squid knows us       | -             | right       | Untrusted: `localhost`.*through the proxy.*inspects TLS
https  | good        | tinyproxy open       | the authority | wrong       | AccessDenied: 401
https  | good        | tinyproxy knows us   | the authority | right       | fetched
https  | good        | tinyproxy does not   | the authority | right       | AccessDenied: proxy `http://127.*wants credentials
https  | good        | microsocks open      | the authority | right       | fetched
https  | good        | microsocks knows us  | the authority | right       | fetched
https  | good        | microsocks guessed   | the authority | right       | AccessDenied: proxy `socks5h://\\*\\*\\*@127.*wants other
https  | good        | microsocks open      | -             | right       | Untrusted: `localhost`.*through the proxy `socks5h
https  | expired     | -                    | the authority | right       | Untrusted: `localhost` has expired.*only `Trust
https  | expired     | squid knows us       | the authority | right       | Untrusted: has expired \\(through the proxy `http
https  | expired     | microsocks knows us  | the authority | right       | Untrusted: has expired \\(through the proxy `socks5h
https  | expired     | -                    | anyone        | right       | fetched
https  | other host  | -                    | the authority | right       | Untrusted: `localhost` is for another host
https  | other host  | tinyproxy open       | the authority | right       | Untrusted: is for another host \\(through the proxy
https  | other host  | squid knows us       | anyone        | -           | fetched
https  | self-signed | -                    | the authority | right       | Untrusted: is self-signed.*`Trust\\(verify=
https  | self-signed | squid knows us       | the authority | right       | Untrusted: is self-signed \\(through the proxy
https  | self-signed | microsocks open      | anyone        | right       | fetched
https  | stranger's  | -                    | the authority | right       | Untrusted: authority that is not trusted.*`Trust\\(
https  | stranger's  | -                    | anyone        | wrong       | AccessDenied: 401
s3     | good        | -                    | the authority | -           | fetched
s3     | good        | squid knows us       | the authority | -           | fetched
s3     | good        | microsocks knows us  | the authority | -           | fetched
s3     | good        | squid guessed        | the authority | -           | AccessDenied: wants other credentials
s3     | good        | -                    | -             | -           | Untrusted: `localhost` was issued by
s3     | expired     | -                    | the authority | -           | Untrusted: has expired
s3     | expired     | tinyproxy open       | the authority | -           | Untrusted: has expired \\(through the proxy
s3     | other host  | -                    | the authority | -           | Untrusted: is for another host
s3     | self-signed | -                    | anyone        | -           | fetched
ftp    | -           | -                    | -             | right       | fetched
ftp    | -           | -                    | -             | wrong       | AccessDenied: 530
ftp    | -           | -                    | -             | -           | AccessDenied: 530
ftp    | -           | squid knows us       | -             | right       | fetched, MistakeError on trio
ftp    | -           | squid does not       | -             | right       | AccessDenied: wants credentials, MistakeError on trio
ftp    | -           | microsocks open      | -             | right       | MistakeError: NO_PROXY, MistakeError on trio
ftps   | good        | -                    | the authority | right       | fetched
ftps   | good        | -                    | the authority | wrong       | AccessDenied: 530
ftps   | good        | -                    | -             | right       | Untrusted: `127.0.0.1` was issued by.*`Trust\\(verify=
ftps   | expired     | -                    | the authority | right       | Untrusted: `127.0.0.1` has expired
ftps   | expired     | -                    | anyone        | right       | fetched
ftps   | good        | squid knows us       | the authority | right       | MistakeError: NO_PROXY, MistakeError on trio
"""
ROWS = [tuple(cell.strip() for cell in line.split(" | ")) for line in TABLE.strip().splitlines()[2:]]


@pytest.mark.parametrize(("scheme", "certificate", "proxy", "trust", "credentials", "outcome"), ROWS)
async def test_cell(world, anyio_backend_name, caplog, scheme, certificate, proxy, trust, credentials, outcome):
    if proxy != "-" and not any(name == proxy.partition(" ")[0] for name, _ in world.ports):
        pytest.skip(f"{proxy.partition(' ')[0]} is not here (tests/servers/install.sh gets it)")
    outcome, _, elsewhere = outcome.partition(", ")
    if elsewhere and anyio_backend_name == "trio":
        outcome = elsewhere.removesuffix(" on trio") + ": proxy"
    caplog.set_level(logging.DEBUG)
    kind, _, text = outcome.partition(": ")
    url = world.url(scheme, certificate, credentials)
    settings = world.settings(scheme, certificate, proxy, trust)
    before = len(world.servers["https", "good"].requests)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore" if trust == "anyone" else "error", UserWarning)
        async with Client(settings=settings) as client:
            if kind == "fetched":
                result = await client.fetch(url)
                assert result.content == DATA
                assert result.attempts == 1
                assert not any(secret in caplog.text for secret in SECRETS)
                return
            with pytest.raises(getattr(asyncfetch, kind), match=text) as caught:
                await client.fetch(url)
    error = caught.value
    assert len(error.attempts) <= 1  # none of these is tried again
    assert not any(secret in f"{error} {caplog.text}" for secret in SECRETS)
    if kind == "Untrusted" and scheme == "https":
        assert len(world.servers["https", "good"].requests) == before  # no request went out, and no credentials


def test_the_table_is_whole():
    """Every value of every column is there, and each row says what the rules below say of it."""
    assert len(ROWS) == len(set(ROWS)) >= 60
    assert {row[0] for row in ROWS} == {"http", "https", "s3", "ftp", "ftps"}
    for *cell, outcome in ROWS:
        assert outcome.partition(":")[0].partition(",")[0] == rule(*cell), cell


# -- every cell

SCHEMES = {
    "http": ["-"], "https": ["good", "expired", "other host", "self-signed", "stranger's"],
    "s3": ["good", "expired", "other host", "self-signed", "stranger's"], "ftp": ["-"], "ftps": ["good", "expired"],
}  # fmt: skip
PROXIES = [
    "-", "squid knows us", "squid does not", "squid guessed", "tinyproxy open", "tinyproxy knows us",
    "tinyproxy does not", "tinyproxy guessed", "microsocks open", "microsocks knows us", "microsocks does not",
    "microsocks guessed",
]  # fmt: skip


def rule(scheme, certificate, proxy, trust, credentials, *, on_trio=False):
    """What comes of a cell, from the first thing on the way that says no."""
    name, _, how = proxy.partition(" ")
    if proxy != "-" and (scheme == "ftps" or (scheme == "ftp" and (name == "microsocks" or on_trio))):
        return "MistakeError"
    if how in {"does not", "guessed"}:
        return "AccessDenied"
    if certificate != "-" and trust != "anyone" and (trust == "-" or certificate != "good"):
        return "Untrusted"
    anonymous = {"http", "https", "s3"}  # there "-" asks for what is open to anyone
    return "fetched" if credentials == "right" or (credentials == "-" and scheme in anonymous) else "AccessDenied"


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("proxy", PROXIES)
async def test_every_cell(world, anyio_backend_name, caplog, scheme, proxy):
    """The whole product. In the suite a proxy meets good certificates, and bad ones of one kind, on asyncio."""
    certificates = SCHEMES[scheme]
    if not times(0, 1):
        if anyio_backend_name == "trio":
            pytest.skip("every cell on trio takes ASYNCFETCH_THOROUGH=1")
        if proxy != "-" and len(certificates) > 2:
            certificates = [certificates[0], certificates[1 + PROXIES.index(proxy) % (len(certificates) - 1)]]
    name = proxy.partition(" ")[0]
    if proxy != "-" and not any(one == name for one, _ in world.ports):
        pytest.skip(f"{name} is not here (tests/servers/install.sh gets it)")
    if proxy != "-" and scheme == "ftp" and name == "tinyproxy":
        pytest.skip("tinyproxy speaks no ftp")
    caplog.set_level(logging.DEBUG)
    whose = ["-"] if scheme == "s3" else ["right", "wrong", "-"] + (["none"] if scheme in {"http", "https"} else [])
    for trust in ("-", "the authority", "anyone"):
        wrong = {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            for certificate in certificates:
                async with Client(settings=world.settings(scheme, certificate, proxy, trust)) as client:
                    for credentials in whose:
                        cell = scheme, certificate, proxy, trust, credentials
                        came = await outcome_of(client, world.url(scheme, certificate, credentials))
                        if came != rule(*cell, on_trio=anyio_backend_name == "trio"):
                            wrong[cell] = came
        assert not wrong
    assert not any(secret in caplog.text for secret in SECRETS)


async def outcome_of(client, url):
    """The name of the error, in whose text no secret is; or that it was fetched."""
    try:
        assert await client.read(url) == DATA
    except asyncfetch.FetchError as caught:
        error = caught
    else:
        return "fetched"
    assert not any(secret in repr(error) for secret in SECRETS)
    # what a proxy closes while we take it up again, as tinyproxy does, is asked once more; nothing else is
    assert len([one for one in error.attempts if not one.outcome.startswith("Interrupted")]) <= 1
    return type(error).__name__
