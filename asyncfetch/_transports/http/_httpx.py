"""The httpx we use: httpx2, its maintained continuation, where it is installed, else httpx. Nobody else imports it."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any


def load() -> Any:
    """Import it (70 ms, once) and give the module."""
    return import_module("httpx2" if find_spec("httpx2") is not None else "httpx")


def of(auth: object) -> Any:
    """Give the module whose class an Auth object is: the two do not take each other's requests and responses."""
    for kind in type(auth).__mro__:
        name = kind.__module__.partition(".")[0]
        if kind.__name__ == "Auth" and name in {"httpx", "httpx2"}:
            return import_module(name)
    return load()
