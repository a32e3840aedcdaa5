"""Settings: the defaults the contract names, and what is refused."""

import dataclasses
import pickle
import ssl
from pathlib import Path

import pytest

from asyncfetch import S3, Bearer, Ftp, Limits, MistakeError, Proxies, Retry, Settings, Timeouts, Trust, __version__

# section 1 of the contract; what it leaves open is what is documented here
_DEFAULTS = {
    Retry: {"attempts": 5, "backoff": 0.5, "backoff_max": 30, "retry_after_max": 300},
    Limits: {
        "total": 64, "per_host": 16, "memory": 256 * 2**20, "rate": None, "connections_per_file": 4, "redirects": 20,
    },
    Timeouts: {"connect": 10, "read": 30, "total": None, "stall": (1_000, 30)},
    Trust: {"verify": True, "client_cert": None},
    Proxies: {"http": None, "https": None, "all": None, "no_proxy": None},
    S3: {
        "endpoint_url": None, "region": None, "profile": None, "anonymous": None, "addressing_style": None,
        "requester_pays": None, "buckets": {},
    },
    Ftp: {"encoding": "utf-8", "tls": "explicit"},
    Settings: {
        "retry": Retry(), "limits": Limits(), "timeouts": Timeouts(), "trust": Trust(), "proxies": Proxies(),
        "s3": S3(), "ftp": Ftp(), "offline": False, "http2": False, "durable": False, "hard_links": False,
        "trust_env": True, "user_agent": f"asyncfetch/{__version__}",
    },
}  # fmt: skip


@pytest.mark.parametrize("group", _DEFAULTS)
def test_defaults(group):
    value = group()
    assert {field.name: getattr(value, field.name) for field in dataclasses.fields(group)} == _DEFAULTS[group]


@pytest.mark.parametrize("group", _DEFAULTS)
def test_groups_are_frozen_values(group):
    one, same = group(), group()
    assert one == same
    assert hash(one) == hash(same)
    assert pickle.loads(pickle.dumps(one)) == one
    for field in dataclasses.fields(group):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(one, field.name, None)
    with pytest.raises(TypeError):
        group(*[None])


@pytest.mark.parametrize(
    ("group", "wrong"),
    [
        (Retry, {"attempts": 0}),
        (Retry, {"attempts": None}),
        (Retry, {"attempts": True}),
        (Retry, {"attempts": "5"}),
        (Retry, {"attempts": 1.5}),
        (Retry, {"backoff": -0.1}),
        (Retry, {"backoff": float("nan")}),
        (Retry, {"backoff_max": -1}),
        (Retry, {"retry_after_max": -1}),
        (Limits, {"total": 0}),
        (Limits, {"total": None}),
        (Limits, {"per_host": 0}),
        (Limits, {"connections_per_file": 0}),
        (Limits, {"memory": -1}),
        (Limits, {"redirects": -1}),
        (Limits, {"rate": 0}),
        (Limits, {"rate": "fast"}),
        (Limits, {"rate": float("inf")}),
        (Limits, {"total": 1.5}),
        (Proxies, {"http": 5}),
        (Proxies, {"all": b"http://proxy:3128"}),
        (Proxies, {"no_proxy": [5]}),
        (Proxies, {"no_proxy": 5}),
        (Trust, {"verify": None}),
        (Trust, {"verify": ""}),
        (Trust, {"client_cert": 5}),
        (Trust, {"client_cert": (None, "key")}),
        (Trust, {"client_cert": ()}),
        (Ftp, {"encoding": "no such encoding"}),
        (Ftp, {"encoding": None}),
        (S3, {"endpoint_url": 5}),
        (S3, {"region": b"us-east-1"}),
        (S3, {"buckets": {"bucket": 5}}),
        (S3, {"buckets": ["bucket"]}),
        (Timeouts, {"connect": 0}),
        (Timeouts, {"read": -1}),
        (Timeouts, {"total": "5"}),
        (Timeouts, {"read": float("nan")}),
        (Timeouts, {"connect": True}),
        (Timeouts, {"stall": (0, 30)}),
        (Timeouts, {"stall": (1000, 0)}),
        (Timeouts, {"stall": 1000}),
        (Timeouts, {"stall": (1000,)}),
        (Timeouts, {"stall": (1000, None)}),
        (S3, {"addressing_style": "host"}),
        (Ftp, {"tls": "maybe"}),
        (Settings, {"retry": 5}),
        (Settings, {"retry": None}),
        (Settings, {"limits": Retry()}),
        (Settings, {"s3": {}}),
        (Settings, {"user_agent": ""}),
        (Settings, {"user_agent": "a\r\nX: b"}),
        (Settings, {"user_agent": None}),
    ],
)
def test_refused(group, wrong):
    (name,) = wrong
    with pytest.raises(MistakeError, match=rf"{group.__name__}\.{name}") as raised:
        group(**wrong)
    assert isinstance(raised.value, ValueError)


@pytest.mark.parametrize(
    ("group", "right"),
    [
        (Retry, {"attempts": 1, "backoff": 0, "backoff_max": 0, "retry_after_max": 0}),
        (Limits, {"total": 1, "per_host": 1, "memory": 0, "redirects": 0, "rate": 1, "connections_per_file": 1}),
        (Timeouts, {"connect": None, "read": None, "total": 0.01, "stall": None}),
        (Timeouts, {"stall": (1, 0.1)}),
        (Ftp, {"tls": "implicit"}),
        (Ftp, {"encoding": "latin-1"}),
        (Trust, {"verify": Path("authorities.pem"), "client_cert": (Path("certificate"), Path("key"))}),
        (Trust, {"client_cert": ("certificate", None, "password")}),
        *((S3, {"addressing_style": style}) for style in ("auto", "path", "virtual")),
    ],
)
def test_the_edges_are_allowed(group, right):
    value = group(**right)
    assert {name: getattr(value, name) for name in right} == right


def test_a_bucket_of_its_own():
    own = S3(region="eu-1", anonymous=False)
    s3 = S3(endpoint_url="http://e", region="us-1", anonymous=True, profile="p", buckets={"b": own})
    assert s3.for_bucket("b") == S3(endpoint_url="http://e", region="eu-1", anonymous=False, profile="p")
    assert s3.for_bucket("other") is s3


@pytest.mark.parametrize("hosts", [["h.example", "10.0.0.0/8"], ("h.example", "10.0.0.0/8")])
def test_hosts_without_a_proxy_are_any_collection(hosts):
    proxies = Proxies(no_proxy=hosts)
    assert proxies == Proxies(no_proxy=("h.example", "10.0.0.0/8"))
    assert hash(proxies) == hash(Proxies(no_proxy=("h.example", "10.0.0.0/8")))


def test_no_secret_is_shown():
    proxy = "http://me:s3cr3t@proxy:3128"
    settings = Settings(
        proxies=Proxies(http=proxy, https=proxy, all=proxy), trust=Trust(client_cert=("c.pem", "k.pem", "s3cr3t"))
    )
    assert "s3cr3t" not in repr(settings)
    assert "s3cr3t" not in repr(Bearer("s3cr3t"))
    assert Bearer("s3cr3t").token == "s3cr3t"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Settings(), "Settings()"),
        (Settings(retry=Retry(attempts=2), offline=True), "Settings(retry=Retry(attempts=2), offline=True)"),
        (Limits(total=64), "Limits()"),
        (Timeouts(read=None), "Timeouts(read=None)"),
        (Trust(verify=False, client_cert="c.pem"), "Trust(verify=False, client_cert=***)"),
        (Proxies(http="http://me:s3cr3t@proxy"), "Proxies(http=***)"),
        (S3(buckets={"b": S3(region="eu-1")}), "S3(buckets={'b': S3(region='eu-1')})"),
        (Ftp(tls="implicit"), "Ftp(tls='implicit')"),
    ],
)
def test_it_shows_what_is_not_the_default(value, shown):
    assert repr(value) == shown


@pytest.mark.parametrize("token", ["s3cr3t\r\nX: y", "s3cr3t\n", "", "s3\0cr3t", None, 5])
def test_a_bearer_token_fits_in_a_header(token):
    with pytest.raises(MistakeError, match=r"Bearer\.token") as raised:
        Bearer(token)
    assert "s3" not in str(raised.value)


def test_a_context_of_ones_own():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    assert Settings(trust=Trust(verify=context)).trust.verify is context
