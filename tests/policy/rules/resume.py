"""What must hold of resuming: bytes are continued only where they are proven to be of the same body.

Every pair of small bodies, every way to hold a part of one of them, every way a server may answer about the other.
"""

from collections import Counter
from dataclasses import dataclass
from itertools import product

from asyncfetch import Answer, Validator
from asyncfetch._model.exchange import Held

_BODIES = ["".join(letters) for length in range(4) for letters in product("ab", repeat=length)]
_KINDS = ["etag", "weak etag", "date", "weak date", "nothing"]
# honest: as RFC 9110 wants it. deaf: never looks at the condition. The liars tell the truth about their validator only
_SERVERS = ["honest", "terse", "deaf", "deaf and dumb", "whole", "early", "late", "from 0", "no size"]
_HERE, _ELSEWHERE = "https://h/a", "https://mirror/a"


@dataclass
class _Body:
    answer: Answer
    offset: int
    size: int | None
    validator: Validator | None
    text: str


def _validator(body, kind, source, *, sized=True):
    """The truth about a body: one source's validators are equal when the bytes are, and when strong only then."""
    size = len(body) if sized else None
    strong = not kind.startswith("weak")
    told = f"{source}: {body if strong else len(body)}"  # each mirror has its own
    if kind.endswith("etag"):
        return Validator(source, etag=told, size=size, strong=strong)
    if kind.endswith("date"):
        return Validator(source, modified=told, size=size, strong=strong)
    return Validator(source, size=size)


def _answer(server, body, kind, source, offset, matching):
    truth = _validator(body, kind, source)
    full = _Body(Answer.FULL, 0, len(body), truth, body)
    if offset == 0:
        return _Body(Answer.PARTIAL, 0, len(body), truth, body) if server == "from 0" else full
    holds = matching is None or truth.agrees(matching)
    if server == "whole" or (server in {"honest", "terse", "no size"} and not holds):
        return full
    start = {"early": offset - 1, "late": offset + 1, "from 0": 0}.get(server, offset)
    size = None if server == "no size" else len(body)
    if start > len(body) and size is None:
        return full  # HTTP knows no range behind the end; FTP does, but tells the size
    if server == "terse" and kind.endswith("date") and matching is not None:
        truth = Validator(source, size=len(body))  # RFC 9110 section 15.3.7 lets it leave out Last-Modified, not ETag
    if server == "deaf and dumb" and kind.endswith("etag"):
        truth = Validator(source, size=len(body))
    return _Body(Answer.PARTIAL, start, size, truth, body[start:])


def check(module, *, bodies=_BODIES):
    """Try everything; raise AssertionError where bytes of two bodies would be put together."""
    seen = Counter()
    for ours, kind, sized, source in product(bodies, _KINDS, (True, False), (_HERE, _ELSEWHERE)):
        for length in range(len(ours) + 2):
            validator = None if kind == "nothing" and not sized else _validator(ours, kind, source, sized=sized)
            held = Held(length, validator)
            front = (ours + "x")[:length]  # one more than the body has: a part that outgrew it
            for provable in (False, True):
                offset, matching = module.ask(held, _HERE, provable=provable)
                _judge_question(held, offset, matching, provable, seen)
                for theirs, server in product(bodies, _SERVERS):
                    body = _answer(server, theirs, kind, _HERE, offset, matching)
                    kept = module.keep(held, offset, matching, body, provable=provable)
                    _judge_answer(held, front, kept, body, theirs, offset, matching, provable, seen)
                    _judge_piece(module, ours, held, offset, matching, body, provable, kept, seen)
                    honest = server in {"honest", "terse"} and theirs == ours and length <= len(ours)
                    if honest and offset:
                        assert kept == offset  # whoever can continue does
                        seen["continued" if matching is not None else "continued elsewhere"] += 1
                    if matching is None and body.answer is Answer.PARTIAL:
                        assert module.keep(held, offset, None, body, provable=False) is None
    return seen


def _judge_piece(module, ours, held, offset, matching, body, provable, kept, seen):
    """A piece is as good as a resumed part, when the whole is as long as the one it is to be a piece of."""
    if held.validator is None or offset not in {0, held.length}:
        return
    if offset == 0:  # what comes from the start is no piece, unless all of it was looked at
        assert not module.fits(held.validator, len(ours), 0, None, body, provable=provable)
        return
    fits = module.fits(held.validator, len(ours), offset, matching, body, provable=provable)
    assert fits == (kept == offset and body.answer is Answer.PARTIAL and body.size == len(ours))
    assert not module.fits(held.validator, len(ours), offset, None, body, provable=False)  # nothing would prove it
    seen["a piece that fits"] += fits
    seen["a piece that does not"] += not fits


def _judge_question(held, offset, matching, provable, seen):
    validator = held.validator
    assert 0 <= offset <= held.length
    if offset == 0:
        assert matching is None
    proof = validator is not None and validator.strong and validator.source == _HERE
    assert matching is None or (proof and matching == validator)
    size = None if validator is None else validator.size
    if held.length == 0 or (size is not None and held.length > size) or not (proof or provable):
        assert offset == 0
        seen["from the start"] += 1
    elif held.length == size:
        assert offset == held.length - 1
        assert matching == (validator if proof and offset else None)
        seen["the last byte"] += 1
    else:
        assert offset == held.length
        assert matching == (validator if proof else None)
        seen["the rest"] += 1


def _judge_answer(held, front, kept, body, theirs, offset, matching, provable, seen):
    if body.answer is Answer.FULL:
        assert kept == 0
        return
    if kept is None:
        seen["refused"] += 1
        return
    assert 0 < kept == body.offset == offset <= held.length  # neither a gap nor bytes twice
    known = held.validator
    if known is not None and known.size is not None and body.size is not None:
        assert known.size == body.size
    if provable:
        seen["left to the digest"] += 1
        same_source = known is not None and known.source == body.validator.source
        assert not same_source or known.agrees(body.validator)
    else:
        assert matching is not None
        assert front[:kept] + body.text == theirs
        seen["spliced"] += 1
