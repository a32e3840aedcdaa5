"""What is secret in the text of a URL, and how it is shown instead.

Rules: ``/t/TOKEN/`` in a path (conda channels), and parameters of a query that sign, grant or identify. Text that is no
URL is masked by suspicion: nobody can tell where its password ends.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

MASK = "***"

_TOKEN_IN_PATH = re.compile(r"((?:/|%2[Ff])(?:t|%74)(?:/|%2[Ff]))(?:(?!%2[Ff])[^/])+")  # servers decode it
_TOKEN_IN_TEXT = re.compile(r"(/[^/]*[^ -~/][^/]*/)[^/]+")  # where no URL is, a line end may stand beside the `t`
_SECRET_PARAMETER = re.compile(
    r"x-amz-.*|x-goog-.*|.*sig(nature)?|.*token.*|.*secret.*|.*passw(or)?d.*|pwd|.*api[-_]?key.*|.*access[-_]?key.*|key"
    r"|auth.*|.*credential.*|.*[-_]key|key-pair-id|policy|jwt|session.*|se|sp|sv|hmac|hdn(ts|tl|ea)|pass(phrase)?|pw"
    r"|ticket|bearer|code",
    re.IGNORECASE | re.DOTALL,
)
_LONG = 20  # characters: no flag (`download`, `versioning`) has as many
_SEPARATOR = re.compile("([&;])")
_UNTIL_PLACE = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.\-]*:/{1,2}|//)?")  # a word and `:` alone may be user and password


def mask_path(path: str) -> str:
    """Mask the token of a path."""
    return _TOKEN_IN_PATH.sub(rf"\1{MASK}", path)


def mask_query(query: str) -> str:
    """Mask the values of those parameters that may be secret, and what is long and has no name."""
    parts = _SEPARATOR.split(query)
    for number, part in enumerate(parts):
        name, equals, _ = part.partition("=")
        if equals and _SECRET_PARAMETER.fullmatch(unquote(name)):
            parts[number] = f"{name}={MASK}"
        elif not equals and len(part) >= _LONG:
            parts[number] = MASK
    return "".join(parts)


def mask_text(text: str) -> str:
    """Mask what may be secret in text that did not parse: all before the last ``@``, and all of a query or fragment.

    A password with a ``/`` or ``?`` that should have been encoded ends in the wrong part, and must not show there.
    """
    before, at, after = text.rpartition("@")
    if at:
        start = _UNTIL_PLACE.match(before)
        text = f"{start[0] if start else ''}{MASK}@{after}"
    tail = re.search(r"[?#]", text)
    if tail:
        text = text[: tail.end()] + MASK
    text = _TOKEN_IN_TEXT.sub(rf"\1{MASK}", mask_path(text))
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")
