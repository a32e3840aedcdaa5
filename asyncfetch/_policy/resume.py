"""What to ask for, given what we hold; what to keep, given the answer.

Rules (RFC 9110 sections 8.8, 13.1.5, 14.4): only what is proven to be the same body continues. The proof is a strong
validator of the same source, or a digest that will be checked over the whole. Whatever is doubtful starts over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._model.exchange import Answer, Held

if TYPE_CHECKING:
    from .._model.exchange import Body, Validator


def ask(held: Held, source: str, *, provable: bool) -> tuple[int, Validator | None]:
    """Decide the offset to continue from, and the validator that must still hold there.

    ``source`` is the masked URL about to be asked; ``provable`` says that a digest of the whole will be checked.
    A part that is complete already is asked for its last byte, so that the answer proves it unchanged. Without an
    offset there is nothing to match: the condition would only make the whole fail (412).
    """
    validator = held.validator
    if held.length == 0:
        return 0, None
    same_source = validator is not None and validator.source == source
    matching = validator if same_source and validator is not None and validator.strong else None
    if matching is None and not provable:
        return 0, None
    size = validator.size if validator is not None else None
    if size is not None and held.length > size:
        return 0, None
    offset = held.length - 1 if held.length == size else held.length
    return offset, matching if offset else None


def keep(held: Held, offset: int, matching: Validator | None, body: Body, *, provable: bool) -> int | None:
    """Decide how many held bytes stay in front of this body; None when it is of no use and we must start over."""
    if body.answer is Answer.FULL:
        return 0
    if body.offset != offset or offset > held.length or offset == 0:
        return None
    if body.size is not None and offset > body.size:  # some FTP servers begin behind the end, and send nothing
        return None
    theirs = body.validator
    if matching is not None:
        if theirs is None or not theirs.agrees(matching):
            return None
        # under If-Range a 206 may leave out Last-Modified, but never the entity tag (RFC 9110 section 15.3.7): without
        # it the server has not looked at our condition
        return None if matching.etag is not None and theirs.etag is None else offset
    known = held.validator
    if known is not None and theirs is not None and theirs.source == known.source and not theirs.agrees(known):
        return None  # the digest would not hold: no need to find out at the end
    if known is not None and known.size is not None and body.size is not None and known.size != body.size:
        return None
    return offset if provable else None


def fits(known: Validator, size: int, offset: int, matching: Validator | None, body: Body, *, provable: bool) -> bool:
    """Tell whether a body is the piece asked for, of the same whole of ``size`` bytes, by the rules of `keep`.

    ``known`` came with the bytes that the piece is to fit.
    """
    if body.size != size or body.answer is not Answer.PARTIAL:
        return False
    return keep(Held(offset, known), offset, matching, body, provable=provable) == offset
