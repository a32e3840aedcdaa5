"""What must hold of file names taken from URLs: never outside the directory, never something else than a file in it."""

import ntpath
import posixpath
from collections import Counter
from urllib.parse import quote

import hypothesis
import pytest
from hypothesis import strategies as st

from asyncfetch import InvalidUrl, Url

_REFUSED = ["", ".", "..", "a/b", "../a", "a\\b", "..\\a", "a\0b", "\0", "/", "\\", "/etc/passwd", "a/..", "a/"]
_REFUSED_ON_WINDOWS = [
    "con", "CON", "nul.txt", "Aux.tar.gz", "com1", "COM9.x", "lpt0", "lpt\u00b9", "conin$", "CONOUT$", "prn ",
    "con .txt", "c:", "c:x", "x:y", "a<b", "a>b", 'a"b', "a|b", "a?b", "a*b", "a\nb", "a\x1fb", "a.", "a ", "...",
    "a. ",
]  # fmt: skip
_ALLOWED = [
    "a", "p-1.0-py_0.conda", "p+q~1.tar.bz2", ".hidden", "..a", "a..b", "caf\u00e9", "a b", "com", "console",
    "xcon.txt", "con1", "nul_", "lpt", "com10", "~", "-rf", "%41", "a\udcff", "a,b;c=d@e!", "[a]", "{a}", "#a",
]  # fmt: skip
_PIECES = [
    "a",
    ".",
    "..",
    "/",
    "\\",
    "\0",
    ":",
    " ",
    "con",
    "NUL",
    "com1",
    "x",
    "\u00e9",
    "\udcff",
    "*",
    "?",
    "\n",
    "$",
]


def _url(name):
    return Url(f"https://me:s3cr3t@h/d/{quote(name, safe='', errors='surrogateescape')}?q=/x#/y")


def _name(module, name, *, windows):
    """The file name, or None where it is refused; then the message must not tell what the URL would mask."""
    try:
        return module.file_name(_url(name), windows=windows)
    except InvalidUrl as error:
        refusal = error
    assert refusal.hint
    assert "s3cr3t" not in str(refusal)
    return None


def check(module, *, examples=300, phases=tuple(hypothesis.Phase)):
    """Try the names people and attackers use, and those nobody thought of."""
    seen = Counter()
    for name in _REFUSED:
        assert _name(module, name, windows=False) is None, name
        assert _name(module, name, windows=True) is None, name
    for name in _REFUSED_ON_WINDOWS:
        assert _name(module, name, windows=True) is None, name
        assert _name(module, name, windows=False) == (None if "\\" in name else name), name
    for name in _ALLOWED:
        assert _name(module, name, windows=False) == name
        assert _name(module, name, windows=True) == name
    with pytest.raises(InvalidUrl) as raised:
        module.file_name(Url("https://h/t/s3cr3t%2Fx"), windows=False)
    assert "s3cr3t" not in str(raised.value)

    @hypothesis.settings(max_examples=examples, phases=phases)
    @hypothesis.given(st.text(max_size=8) | st.lists(st.sampled_from(_PIECES), max_size=4).map("".join), st.booleans())
    def stays_inside(name, windows):
        hypothesis.assume(not any("\ud800" <= mark <= "\udc7f" or "\udd00" <= mark <= "\udfff" for mark in name))
        found = _name(module, name, windows=windows)
        if found is None:
            seen["refused"] += 1
            return
        seen["allowed on Windows" if windows else "allowed"] += 1
        assert found == name
        path = ntpath if windows else posixpath
        whole = path.join("dir", found)
        assert path.split(path.normpath(whole)) == ("dir", found)
        assert "\0" not in found
        if windows:
            assert not set(found) & set('<>:"/\\|?*')
            assert found[-1] not in ". "
            assert found.partition(".")[0].rstrip(" ").lower() not in {"con", "prn", "aux", "nul", "com1"}

    stays_inside()
    return seen
