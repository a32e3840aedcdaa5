"""The error tree: its shape and verdicts (contract section 6), its sentences, and that errors travel."""

import copy
import errno
import inspect
import pickle
import traceback

import pytest

import asyncfetch
from asyncfetch import Attempt, Busy, ConnectFailed, Fetch, FetchError, LocalError, NoSpace, NotFound, Url, Verdict
from asyncfetch._model import errors

# the tree as the contract draws it: name -> (bases, verdict)
_ABORT, _RETRY, _NEXT = Verdict.ABORT, Verdict.RETRY, Verdict.NEXT_SOURCE
_TREE = {
    "FetchError": (("Exception",), _ABORT),
    "MistakeError": (("FetchError", "ValueError"), _ABORT),
    "InvalidUrl": (("MistakeError",), _ABORT),
    "UnsupportedScheme": (("MistakeError",), _ABORT),
    "Offline": (("MistakeError",), _ABORT),
    "DestinationBusy": (("MistakeError",), _ABORT),
    "TransientError": (("FetchError",), _RETRY),
    "ConnectFailed": (("TransientError",), _RETRY),
    "TimedOut": (("TransientError", "TimeoutError"), _RETRY),
    "Interrupted": (("TransientError",), _RETRY),
    "Stalled": (("TransientError",), _RETRY),
    "Busy": (("TransientError",), _RETRY),
    "SourceError": (("FetchError",), _NEXT),
    "NotFound": (("SourceError",), _NEXT),
    "AccessDenied": (("SourceError",), _NEXT),
    "Untrusted": (("SourceError",), _NEXT),
    "RedirectRefused": (("SourceError",), _NEXT),
    "TooLarge": (("SourceError",), _NEXT),
    "DigestMismatch": (("SourceError",), _NEXT),
    "SizeMismatch": (("SourceError",), _NEXT),
    "ProtocolViolation": (("SourceError",), _NEXT),
    "RangeRefused": (("ProtocolViolation",), _NEXT),
    "LocalError": (("FetchError", "OSError"), _ABORT),
    "NoSpace": (("LocalError",), _ABORT),
    "NotWritable": (("LocalError",), _ABORT),
}
_KINDS = [getattr(errors, name) for name in _TREE]
_URL = Url("https://me:s3cr3t@h.example/p?token=s3cr3t")


def _error(kind):
    """An error with everything set that its kind has."""
    more = {"url": _URL, "hint": "try later", "status": 503, "chain": ("https://***@h.example/0",)}
    if issubclass(kind, LocalError):
        more |= {"errno": errno.ENOSPC, "filename": "pkgs/p"}
    if kind is Busy:
        more["retry_after"] = 12.5
    error = kind("it broke", **more)
    error.tell((Attempt(str(_URL), 0.0, 1.0, 5, "one"), Attempt(str(_URL), 2.0, 1.0, 6, "two")), 4.25)
    return error


def test_the_tree_is_the_one_of_the_contract():
    found = {
        name: (tuple(base.__name__ for base in kind.__bases__), kind.verdict)
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, FetchError)
    }
    assert found == _TREE
    assert set(_TREE) <= set(asyncfetch.__all__)


def test_the_docstring_draws_every_error():
    for name, (_, verdict) in _TREE.items():
        assert name in errors.__doc__
        assert verdict.name in errors.__doc__


@pytest.mark.parametrize("kind", _KINDS)
def test_what_it_can_be_caught_as(kind):
    error = _error(kind)
    assert isinstance(error, FetchError)
    assert isinstance(error, ValueError) == issubclass(kind, errors.MistakeError)
    assert isinstance(error, OSError) == issubclass(kind, LocalError | errors.TimedOut)
    assert isinstance(error, TimeoutError) == (kind is errors.TimedOut)


@pytest.mark.parametrize(
    "way", [copy.copy, copy.deepcopy, *(lambda e, p=p: pickle.loads(pickle.dumps(e, p)) for p in range(6))]
)
@pytest.mark.parametrize("kind", _KINDS)
def test_it_travels_with_everything_but_the_wish(kind, way):
    error = _error(kind)
    error.fetch = Fetch(_URL, headers={"Authorization": "s3cr3t"})
    error.add_note("a note")
    again = way(error)
    assert type(again) is kind
    assert vars(again) == {**vars(error), "fetch": None}
    assert (str(again), again.args) == (str(error), ("it broke",))
    assert (again.status, again.hint, again.elapsed) == (503, "try later", 4.25)
    assert again.attempts == error.attempts
    assert again.__notes__ == ["a note"]
    if issubclass(kind, LocalError):
        assert (again.errno, again.filename, again.strerror) == (errno.ENOSPC, "pkgs/p", "it broke")
    if kind is Busy:
        assert again.retry_after == 12.5
    assert b"s3cr3t" not in pickle.dumps(error)


@pytest.mark.parametrize("kind", _KINDS)
def test_it_travels_bare(kind):
    again = pickle.loads(pickle.dumps(kind("it broke")))
    assert type(again) is kind
    assert (again.url, again.attempts, again.elapsed, again.hint, again.status) == (None, (), None, None, None)


@pytest.mark.parametrize("kind", _KINDS)
def test_it_reads_as_one_sentence(kind):
    told = str(_error(kind))
    assert told.isprintable()
    assert told.startswith(kind.action)
    assert told[0].islower()
    assert not told.endswith(".")
    assert "`https://***@h.example/p?token=***`" in told
    assert " after 2 attempts in 4.2 s: it broke; try later" in told
    assert "s3cr3t" not in told + repr(_error(kind)) + "".join(traceback.format_exception(_error(kind)))
    assert repr(_error(kind)) == f"{kind.__name__}({told!r})"


@pytest.mark.parametrize("kind", _KINDS)
def test_a_bare_one_is_a_sentence_too(kind):
    assert str(kind("it broke")) == f"{kind.action}: it broke"
    assert kind.action
    assert not kind.action.endswith((",", " "))


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ConnectFailed("connection refused", url=_URL), "could not connect to `{}`: connection refused"),
        (NotFound("404", url=_URL, chain=("a", "b")), "found nothing at `{}` (redirected from `a`, `b`): 404"),
        (NoSpace("the disk is full", filename="x", url=_URL), "could not write `x` (from `{}`): the disk is full"),
        (NoSpace("the disk is full", filename="x"), "could not write `x`: the disk is full"),
        (LocalError("it broke", url=_URL), "could not write (from `{}`): it broke"),
        (errors.Offline("not here", url=_URL, hint="x"), "cannot fetch offline `{}`: not here; x"),
    ],
)
def test_sentences(error, sentence):
    assert str(error) == sentence.format(_URL)


def test_the_story_of_mirrors():
    error = NotFound("404 No such thing.", url=_URL, hint="look elsewhere")
    error.tell(tuple(Attempt(source, 0.0, 1.0, 0, "it broke") for source in ("a", "b", "a")), 3.0)
    sentence = "found nothing at `{}` after 3 attempts at 2 sources in 3.0 s: 404 No such thing; look elsewhere"
    assert str(error) == sentence.format(_URL)


def test_one_attempt_is_no_story():
    error = NotFound("404", url=_URL)
    error.tell((Attempt("x", 0.0, 1.0, 0, "404"),), 1.0)
    assert "attempt" not in str(error)


def test_the_cause_is_kept():
    with pytest.raises(NotFound) as raised:
        try:
            raise FileNotFoundError(2, "x")
        except OSError as error:
            raise NotFound("gone", url=_URL) from error
    assert isinstance(raised.value.__cause__, FileNotFoundError)
