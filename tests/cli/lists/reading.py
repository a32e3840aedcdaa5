"""Reading a list out of a string, for tests."""

import io

import asyncfetch
from asyncfetch.cli.lists import ListMistake, read


def entries(text: str | bytes, name: str = "list", **options: str) -> list[asyncfetch.Fetch | ListMistake]:
    raw = text.encode() if isinstance(text, str) else text
    return list(read(io.BytesIO(raw), name, **options))


def wishes(text: str | bytes, **options: str) -> list[asyncfetch.Fetch]:
    found = entries(text, **options)
    assert not [str(entry) for entry in found if isinstance(entry, ListMistake)]
    return found  # type: ignore[return-value]  # the line above has just said so


def mistake(text: str | bytes, **options: str) -> ListMistake:
    (found,) = [entry for entry in entries(text, **options) if isinstance(entry, ListMistake)]
    return found
