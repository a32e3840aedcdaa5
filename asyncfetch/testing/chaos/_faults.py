"""What can go wrong, and what each may lead to: the oracle of chaos.

A mishap is a cue for a far end. ``ends`` names the errors with which it may rightly end a source; a mishap without any
has to be made up for. ``proof`` says what the wish must have for the mishap to be noticed at all: bytes that arrive
changed under a right length are told from right ones by nothing but a digest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .. import faults as f

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

    Make = Callable[[Random, int], f.Cue]

HTTP = frozenset({"http", "https", "s3"})
ANY = HTTP | {"ftp"}
_WEB = frozenset({"http", "https"})


@dataclass(frozen=True, slots=True)
class Mishap:
    """One thing that can go wrong with one answer."""

    name: str
    make: Make  # from chance and the length of the body
    ends: frozenset[str] = frozenset()
    schemes: frozenset[str] = HTTP
    proof: str = ""
    weight: float = 1.0


def _at(random: Random, size: int) -> int:
    return random.randint(0, size)


def _status(*codes: int) -> Make:
    def make(random: Random, _: int) -> f.Cue:
        return f.Status(random.choice(codes), retry_after=random.choice([None, 0, 1]), body=b"<html>no</html>")

    return make


def _extra(*lines: tuple[str, str]) -> Make:
    return lambda _random, _size: f.ExtraHeaders(lines)


def _plain(fault: f.Fault, *more: f.Fault) -> Make:
    return lambda _random, _size: (fault, *more)


def _mishap(name: str, make: Make, *ends: str, **more: object) -> Mishap:
    return Mishap(name, make, frozenset(ends), **more)  # type: ignore[arg-type]  # the fields of Mishap


MISHAPS: Sequence[Mishap] = (
    # made up for by asking again
    _mishap("Cut", lambda r, n: f.Cut(_at(r, n)), schemes=ANY, weight=12),
    _mishap("Reset", lambda r, n: f.Reset(_at(r, n)), schemes=ANY, weight=12),
    _mishap("Stall", lambda r, n: f.Stall(_at(r, n)), schemes=ANY, weight=0.4),
    _mishap("Hold", _plain(f.Hold()), weight=0.2),
    _mishap("Hangup", lambda r, _: f.Hangup(reset=r.random() < 0.5), weight=2),
    _mishap("Status 5xx, 429", _status(408, 425, 429, 500, 502, 503, 504), weight=4),
    _mishap("Raw nothing", _plain(f.Raw(b""))),
    _mishap("Raw half a head", _plain(f.Raw(b"HTTP/1.1 200 OK\r\nContent-Le"))),
    # what is said to be longer than was asked for is refused, else it is asked for the rest in vain
    _mishap("WrongLength, more", lambda r, _: f.WrongLength(r.randint(1, 999)), "SizeMismatch"),
    _mishap("Chunked, Cut", lambda r, n: (f.Chunked(r.randint(1, 4096)), f.Cut(_at(r, n))), weight=2),
    # no reason to fail at all
    _mishap("Throttle", _plain(f.Throttle(20_000_000, 64 * 1024)), schemes=ANY),
    _mishap("SlowHead", lambda r, _: f.SlowHead(r.randint(1, 50)), weight=2),
    _mishap("Interim", lambda r, _: f.Interim(count=r.randint(1, 3))),
    _mishap("Chunked", lambda r, n: f.Chunked(max(n // 50, r.randint(1, 9_000)), r.choice(["", ";a=b"]))),
    _mishap("CloseDelimited", _plain(f.CloseDelimited())),
    _mishap("ConnectionClose", _plain(f.ConnectionClose())),
    _mishap("Vanish", _plain(f.Vanish()), weight=3),
    _mishap("Http10", _plain(f.Http10())),
    _mishap("Gzip if asked", _plain(f.Gzip())),
    _mishap("IgnoreRange", _plain(f.IgnoreRange()), weight=3),
    _mishap("RefuseRange", _plain(f.RefuseRange()), weight=3),
    _mishap("WrongRange", lambda r, n: f.WrongRange(r.randint(-n - 1, n + 1) or 1), weight=3),
    _mishap("WrongRange, total", lambda r, n: f.WrongRange(total=n + r.randint(1, 99)), weight=2),
    _mishap("Relabel", lambda r, _: f.Relabel(r.choice([None, '"other"', 'W/"weak"'])), weight=2),
    _mishap("ReprDigest, right", _plain(f.ReprDigest())),
    # the end of a source
    _mishap("Status 404, 410", _status(404, 410), "NotFound"),
    _mishap("Status 401, 403", _status(401, 403), "AccessDenied"),
    _mishap("Status 400, 418", _status(400, 418), "SourceError"),
    _mishap("RequireBasic", _plain(f.RequireBasic("user", "password")), "AccessDenied"),
    _mishap("Raw garbage", _plain(f.Raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")), "ProtocolViolation"),
    _mishap("two lengths", _extra(("Content-Length", "5"), ("Content-Length", "6")), "ProtocolViolation"),
    _mishap("head too long", _extra(*[(f"x-{n}", "y" * 8_000) for n in range(40)]), "TooLarge", "ProtocolViolation"),
    _mishap("Gzip always", _plain(f.Gzip(always=True)), "ProtocolViolation", schemes=_WEB),
    _mishap("ReprDigest, wrong", _plain(f.ReprDigest(f"sha-256=:{'A' * 43}=:")), "DigestMismatch"),
    _mishap("Redirect to a file", _plain(f.Redirect("file:///etc/hostname")), "RedirectRefused", schemes=_WEB),
    _mishap("Redirect to nowhere", _plain(f.Redirect("/there/is/nothing")), "NotFound", schemes=_WEB),
    _mishap("Corrupt", lambda r, n: f.Corrupt(_at(r, max(0, n - 1))), "DigestMismatch", proof="digest", weight=3),
    _mishap(
        "WrongLength, less", lambda r, n: f.WrongLength(-r.randint(1, max(1, n))), "DigestMismatch", "SizeMismatch",
        "ProtocolViolation", proof="digest",
    ),
    _mishap(
        "CloseDelimited, Cut", lambda r, n: (f.CloseDelimited(), f.Cut(_at(r, n))), "DigestMismatch", "SizeMismatch",
        proof="digest", weight=2,
    ),
)  # fmt: skip

# another body from that answer on: it is what is fetched, or the end of a source that has to prove itself
CHANGE = "Change"
CHANGED_ENDS = frozenset({"DigestMismatch", "SizeMismatch"})


def choose(random: Random, scheme: str, *, digest: bool) -> Mishap:
    """Choose a mishap that this scheme can have and this wish would notice."""
    fitting = [one for one in MISHAPS if scheme in one.schemes and (digest or not one.proof)]
    return random.choices(fitting, [one.weight for one in fitting])[0]
