"""The surface people rely on, argument by argument. Whoever changes this file changes a promise."""

import contextlib
import dataclasses
import inspect

import pytest

import asyncfetch
from asyncfetch import Bearer, Client, Fetch, Result, Settings, Transport

_REQUIRED = inspect.Parameter.empty
_WISH = {"digest": None, "size": None, "mirrors": (), "unless": None, "headers": None}


def _signature(callable_, *, without=("self",)):
    """Parameters as (by position, by name), each name -> default."""
    by_position, by_name = {}, {}
    for name, parameter in inspect.signature(callable_).parameters.items():
        if name in without or parameter.kind is parameter.VAR_KEYWORD:
            continue
        (by_name if parameter.kind is parameter.KEYWORD_ONLY else by_position)[name] = parameter.default
    return by_position, by_name


@pytest.mark.parametrize(
    ("callable_", "by_position", "by_name"),
    [
        (
            Client,
            {},
            {"settings": Settings(), "observer": None, "transports": None, "auth": None, "progress": False},
        ),
        (Client.fetch, {"what": _REQUIRED, "to": None}, _WISH),
        (Client.fetch_all, {"fetches": _REQUIRED}, {}),
        (Client.as_fetched, {"fetches": _REQUIRED}, {}),
        (Client.read, {"url": _REQUIRED}, {"limit": None, "headers": None}),
        (Client.open, {"url": _REQUIRED}, {"headers": None, "unless": None, "offset": 0}),
        (Client.stat, {"url": _REQUIRED}, {"headers": None}),
        (Client.list, {"url": _REQUIRED}, {}),
        (Fetch, {"url": _REQUIRED, "to": None}, _WISH),
    ],
)
def test_signatures(callable_, by_position, by_name):
    assert _signature(callable_) == (by_position, by_name)


@pytest.mark.parametrize(("name", "first"), [("fetch", ["what", "to"]), ("read", ["url"]), ("fetch_all", ["fetches"])])
def test_one_shot_forms(name, first):
    by_position, by_name = _signature(getattr(asyncfetch, name))
    assert list(by_position) == first
    assert by_name["settings"] == Settings()
    beside, of_its_own = _signature(getattr(Client, name))[1], _signature(Client)[1]
    assert by_name == {**beside, **{key: value for key, value in of_its_own.items() if key in by_name}}
    assert {"settings", "auth"} <= set(by_name)
    assert inspect.iscoroutinefunction(getattr(asyncfetch, name))


def test_what_is_awaited_and_what_is_iterated():
    for name in ("fetch", "fetch_all", "read", "stat"):
        assert inspect.iscoroutinefunction(getattr(Client, name)), name
    for name in ("as_fetched", "list"):
        assert inspect.isasyncgenfunction(getattr(Client, name)), name
    assert issubclass(Client, contextlib.AbstractAsyncContextManager)


def test_a_client_has_the_default_settings():
    assert Client().settings == Settings()


def test_a_fetch_holds_the_arguments_of_fetch():
    fields = {field.name for field in dataclasses.fields(Fetch)}
    assert fields == {"url", "to", *_WISH}


def test_the_fields_of_a_result():
    fields = [field.name for field in dataclasses.fields(Result)]
    promised = "fetch path source size digest validator attempts resumed_from unchanged transferred elapsed timings"
    assert " ".join(fields).startswith(f"{promised} content")


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        (
            "Settings",
            "retry limits timeouts trust proxies s3 ftp offline http2 durable hard_links trust_env user_agent",
        ),
        ("Retry", "attempts backoff backoff_max retry_after_max"),
        ("Limits", "total per_host memory rate connections_per_file redirects"),
        ("Timeouts", "connect read total stall"),
        ("Trust", "verify client_cert"),
        ("Proxies", "http https all no_proxy"),
        ("S3", "endpoint_url region profile anonymous addressing_style requester_pays buckets"),
        ("Ftp", "encoding tls"),
        ("Stat", "size modified validator content_type"),
        ("Entry", "url name kind size modified"),
        ("Bearer", "token"),
        ("Started", "fetch source size offset"),
        ("Advanced", "fetch done size"),
        ("Retrying", "fetch error source pause"),
        ("Finished", "fetch result"),
        ("Failed", "fetch error"),
    ],
)
def test_values_have_the_fields_promised(name, fields):
    kind = getattr(asyncfetch, name)
    assert [field.name for field in dataclasses.fields(kind)] == fields.split()
    assert kind.__dataclass_params__.frozen


def test_an_error_carries_its_story():
    error = asyncfetch.Busy("429", url="https://h/", retry_after=3)
    assert (error.url, error.verdict, error.attempts, error.retry_after) == (
        "https://h/",
        asyncfetch.Verdict.RETRY,
        (),
        3,
    )


def test_what_a_transport_of_ones_own_must_have():
    class Own:
        def open(self, request): ...
        async def stat(self, request): ...
        def list(self, url): ...
        async def aclose(self): ...

    assert isinstance(Own(), Transport)
    assert not isinstance(Bearer("x"), Transport)
