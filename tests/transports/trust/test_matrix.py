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
    """Every scheme, proxy and certificate meets trust that is right and trust that is not."""
    assert len(ROWS) == len(set(ROWS)) >= 60
    assert {row[0] for row in ROWS} == {"http", "https", "s3", "ftp", "ftps"}
    for index in (1, 2, 3, 4):
        for value in {row[index] for row in ROWS}:
            kinds = {row[5].partition(":")[0].partition(",")[0] for row in ROWS if row[index] == value}
            assert kinds, value
