"""The path of an ftp URL, as the server is told it (RFC 1738 section 3.2.2), and back.

Rules:

* The path is relative to the folder the login leads to. Its segments are decoded one by one and joined again: a first
  segment that begins with ``%2F`` makes it absolute, and so does ``//``, which every client reads so.
* A name has no query in this scheme: what stands behind ``?`` belongs to the name, as in curl and browsers.
* Commands are text of one byte a character (Latin-1), so that any byte can be named; `wire` and `shown` translate
  between that, the server's encoding and Python's text. Percent-encoded bytes that are not UTF-8 go out as they are.
* The byte 0xFF, which UTF-8 never has, goes out as it is: proftpd takes it for Telnet's (RFC 854), and would want two;
  vsftpd and pure-ftpd would look for a name with two.
* CR, LF and NUL would end the command and begin another: they are refused here, before a byte is sent.
"""

from __future__ import annotations

import re
from contextlib import suppress
from urllib.parse import quote, unquote_to_bytes

from ..._model.errors import InvalidUrl
from ..._model.url import Url

_TYPE = re.compile(r";type=(.*)\Z", re.IGNORECASE)
_FORBIDDEN = re.compile("[\r\n\0]")


def path_of(url: Url, encoding: str) -> str:
    """Give the path to name in a command; empty for the login folder itself. Raises InvalidUrl."""
    text = url.target.removeprefix("/")
    if (kind := _TYPE.search(text)) is not None:
        if kind[1].lower() != "i":
            raise InvalidUrl(
                f"`;type={kind[1]}` asks for a transfer that changes bytes, or for a listing",
                url=url,
                hint="leave it out",
            )
        text = text[: kind.start()]
    return checked(url, "path", wire(unquote_to_bytes(text), encoding))


def file_path_of(url: Url, encoding: str) -> str:
    """Give the path of a file. Raises InvalidUrl where the URL names a folder."""
    path = path_of(url, encoding)
    if not path or path.endswith("/"):
        raise InvalidUrl("it names a folder, not a file", url=url)
    return path


def checked(url: Url, what: str, text: str) -> str:
    """Give the text back; raises InvalidUrl when it could smuggle a command (RFC 959 section 4: CRLF ends one)."""
    if _FORBIDDEN.search(text):
        raise InvalidUrl(f"a CR, LF or NUL in the {what} would be a command of its own to the server", url=url)
    return text


def wire(data: bytes, encoding: str) -> str:
    """Translate bytes as a URL has them (UTF-8, where they are text) for a command."""
    with suppress(UnicodeError):
        data = data.decode("utf-8").encode(encoding)
    return data.decode("latin-1")


def shown(text: str, encoding: str) -> str:
    """Translate what a server said into Python's text; bytes that do not fit become surrogates, as in file names."""
    return text.encode("latin-1").decode(encoding, "surrogateescape")


def below(folder: Url, name: str, *, is_folder: bool) -> Url:
    """Give the URL of an entry of a folder; user and password stay, it is the same server."""
    base = folder.reveal().partition("?")[0]
    base = base if base.endswith("/") else base + "/"
    return Url(base + quote(name.encode("utf-8", "surrogateescape"), safe="") + ("/" if is_folder else ""))
