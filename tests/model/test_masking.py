"""No secret of a URL is shown: not by the Url, not by what holds one, not by an error about text that is no URL."""

import copy
import logging
import pickle
import traceback
from dataclasses import dataclass

import hypothesis
import pytest
from hypothesis import given, strategies as st

from asyncfetch import (
    Attempt,
    Entry,
    Fetch,
    InvalidUrl,
    MistakeError,
    NotFound,
    Request,
    Result,
    Started,
    Url,
    Validator,
)
from asyncfetch._model.masking import mask_query, mask_text

SECRET = "s3cr3t"

_PARAMETERS = [
    "X-Amz-Signature", "X-Amz-Credential", "X-Amz-Security-Token", "x-amz-anything", "X-Goog-Signature", "Signature",
    "AWSAccessKeyId", "access_token", "token", "private_token", "api_key", "apikey", "api-key", "secret",
    "sig", "client_secret",
    "password", "passwd", "pwd", "auth", "authorization", "Policy", "Key-Pair-Id", "jwt", "sessionid", "hmac", "key",
    "%74oken", "X-Amz-%53ignature", "x-amz-%0afoo", "Ocp-Apim-Subscription-Key", "hdnea", "pass", "code", "ticket",
]  # fmt: skip
_HARMLESS = ["versionId", "page", "q", "design", "channel", "list-type", "prefix"]


@dataclass
class Planted:
    """A URL with secrets in it, and how many of each kind there are."""

    text: str
    kinds: frozenset


_word = st.text("abcXYZ019-._~", max_size=6)
_secret = st.tuples(_word, _word).map(lambda ends: f"{ends[0]}{SECRET}{ends[1]}")


@st.composite
def planted(draw):
    kinds = set()
    userinfo = draw(st.sampled_from(["", "user", "password", "at", "alone"]))
    who = {
        "": "",
        "user": f"{draw(_secret)}:x@",
        "password": f"me:{draw(_secret)}@",
        "at": f"me:{draw(_secret)}@{SECRET}@",
    }
    who["alone"] = f"{draw(_secret)}@"
    path = f"/{draw(_word)}"
    if draw(st.booleans()):
        kinds.add("token")
        path += f"/t/{draw(_secret)}" + draw(st.sampled_from(["", "/", "/linux-64/a.conda"]))
    names = draw(st.lists(st.sampled_from(_PARAMETERS), max_size=3))
    parts = [f"{name}={draw(_secret)}" for name in names]
    parts += [f"{name}={draw(_word)}" for name in draw(st.lists(st.sampled_from(_HARMLESS), max_size=2))]
    query = draw(st.sampled_from("&;")).join(draw(st.permutations(parts)))
    fragment = draw(st.sampled_from(["", f"#access_token={SECRET}"]))
    kinds |= {userinfo} - {""} | ({"query"} if names else set()) | ({"fragment"} if fragment else set())
    scheme = draw(st.sampled_from(["https", "http", "s3", "ftp"]))
    return Planted(
        f"{scheme}://{who[userinfo]}h.example{path}{'?' + query if query else ''}{fragment}", frozenset(kinds)
    )


def _faces(url):
    """Every way a Url or something with a Url in it is shown."""
    wish = Fetch(url, "x", mirrors=[url], headers={"Authorization": SECRET})
    result = Result(wish, "x", url, 5, validator=Validator(str(url)), content=SECRET.encode())
    record = logging.LogRecord("asyncfetch", logging.INFO, "x", 1, "%s %r", (url, url), None)
    for one in (url, copy.deepcopy(url), pickle.loads(pickle.dumps(url)), url.join("#x")):
        yield from (
            str(one),
            repr(one),
            f"{one}",
            f"{one!r:>5}",
            format(one, ""),
            "%s" % one,  # noqa: UP031 - one of the ways to show it
            ascii(one),
        )
    yield from (repr(wish), str(wish), repr(result), record.getMessage(), repr([url]), repr({url: url}))
    yield from (repr(Request(url)), repr(Entry(url, "n", "file")), repr(Started(wish, url, None, 0)))
    error = NotFound("404", url=url, chain=(str(url),))
    error.tell((Attempt(str(url), 0, 0, 0, "x"),) * 2, 1.0)
    yield from (str(error), repr(error), repr(error.attempts), "".join(traceback.format_exception(error)))
    error.fetch = wish
    again = pickle.loads(pickle.dumps(error))
    yield from (str(again), repr(again), repr(vars(again)), repr(pickle.dumps(error)))
    for refused in ({"size": -1}, {"digest": "x"}, {"headers": {"Range": SECRET}}, {"headers": {"a": SECRET + "\n"}}):
        with pytest.raises(MistakeError) as raised:
            Fetch(url, **refused)
        yield from (str(raised.value), repr(raised.value))


def test_no_secret_of_a_url_is_ever_shown():
    seen = []

    @given(planted())
    def check(case):
        url = Url(case.text)
        for face in _faces(url):
            assert SECRET not in face
        assert (SECRET in url.reveal()) == bool(case.kinds - {"fragment"})
        if case.kinds - {"fragment"}:
            assert "***" in str(url)
        seen.append(case.kinds)

    check()
    for kind in ("user", "password", "at", "alone", "token", "query", "fragment"):
        assert sum(kind in kinds for kinds in seen) >= 5, kind
    assert sum(not kinds for kinds in seen) >= 1


_BREAKS = ["\n", "\r\n", "\0", "\x1b[31m", " \t", "\u2028", "\ud800"]


_DAMAGES = ["host", "port", "bracket", "break", "slash", "question", "short", "schemeless"]


def _damage(text, how, place, mark):
    """Make text that is no URL of one that is, as people do."""
    if how == "break":
        return text[:place] + mark + text[place:]
    if how == "schemeless":
        return text.partition("://")[2]
    old, new = {
        "host": ("h.example", "h ex%00mple"),
        "port": ("h.example", "h.example:99999"),
        "bracket": ("h.example", "[::1"),
        # a password that should have been encoded
        "slash": ("://", f"://me:x/{SECRET}@"),
        "question": ("://", f"://me:x?{SECRET}@"),
        "short": ("://", ":"),
    }[how]
    return text.replace(old, new, 1)


@pytest.mark.parametrize("how", _DAMAGES)
def test_no_secret_of_text_that_is_no_url_is_ever_shown(how):
    seen, leaks = [], []

    @hypothesis.settings(max_examples=150)
    @given(planted(), st.integers(0, 60), st.sampled_from(_BREAKS))
    def check(case, place, mark):
        text = _damage(case.text, how, place, mark)
        faces = [mask_text(text)]
        try:
            Url(text)
        except InvalidUrl as error:
            seen.append(case.kinds)
            cause = repr(error.__cause__)
            faces += [str(error), repr(error), cause, "".join(traceback.format_exception(error))]
            assert str(error).isprintable()  # noqa: PT017 - not every text is refused
        leaks.extend(face for face in faces if SECRET in face)

    check()
    assert leaks == []
    for kind in ("user", "password", "at", "alone", "token", "query", "fragment"):
        assert sum(kind in kinds for kinds in seen) >= 5, kind


@pytest.mark.parametrize("name", _PARAMETERS)
def test_secret_parameters(name):
    assert mask_query(f"a=1&{name}={SECRET}&b=2") == f"a=1&{name}=***&b=2"
    assert mask_query(f"a=1;{name}={SECRET}") == f"a=1;{name}=***"


@pytest.mark.parametrize("name", _HARMLESS)
def test_other_parameters_are_shown(name):
    assert mask_query(f"{name}=1") == f"{name}=1"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://me:pw@h/x", "https://***@h/x"),
        ("https://me:p/w@h/x", "https://***@h/x"),
        ("https://me:p?w@h/x", "https://***@h/x"),
        ("https://me:p#w@h/x", "https://***@h/x"),
        ("http:me:pw@h", "***@h"),
        ("//me:pw@h", "//***@h"),
        ("me:pw@h", "***@h"),
        ("https://h/a?x=1", "https://h/a?***"),
        ("https://h/a#x", "https://h/a#***"),
        ("https://h/t/tk-1/a", "https://h/t/***/a"),
        ("https://h/a\r\nb", r"https://h/a\r\nb"),
        ("https://h\n/t/tk-1/a", r"https://h\n/***/***/a"),
        ("https://h/t\n/tk-1/a", r"https://h/t\n/***/a"),
        ("", ""),
    ],
)
def test_text_that_is_no_url(text, shown):
    assert mask_text(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://h/a/t", "https://h/a/t"),
        ("https://h/t/", "https://h/t/"),
        ("https://h/t/tk", "https://h/t/***"),
        ("https://h/t/tk/t/tk2/x", "https://h/t/***/t/***/x"),
        ("https://h/at/tk", "https://h/at/tk"),
        ("file:///home/me/t/folder/x", "file:///home/me/t/folder/x"),
        ("file:///t/folder/x%20y?token=x", "file:///t/folder/x%20y?token=***"),
        ("https://@h/a", "https://***@h/a"),
        ("https://h/a?token", "https://h/a?token"),
        ("https://h/a?token=", "https://h/a?token=***"),
        ("https://h:8443/a?b=c&token=x", "https://h:8443/a?b=c&token=***"),
        ("https://[::1]:8/a?sig=x", "https://[::1]:8/a?sig=***"),
    ],
)
def test_what_a_url_shows(text, shown):
    assert str(Url(text)) == shown
    assert repr(Url(text)) == f"Url({shown!r})"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://h.example/%74/s3cr3t/x", "https://h.example/%74/***/x"),
        ("https://h.example/a%2Ft%2fs3cr3t%2Fx/y", "https://h.example/a%2Ft%2f***%2Fx/y"),
        ("https://h.example/%2ft/s3cr3t", "https://h.example/%2ft/***"),
        ("https://h.example/a?s3cr3t-that-has-no-name", "https://h.example/a?***"),
        ("https://h.example/a?x=1&s3cr3t-that-has-no-name", "https://h.example/a?x=1&***"),
        ("https://h.example/a?download&versioning", "https://h.example/a?download&versioning"),
        ("https://h.example/a%20b/t/", "https://h.example/a%20b/t/"),
    ],
)
def test_secrets_in_other_words(text, shown):
    """A server decodes a path before it looks for the token, and some take the token for the whole query."""
    assert str(Url(text)) == shown
