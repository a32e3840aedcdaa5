"""A sink that is right, in two dictionaries; sinks that are wrong, each in one way, and the rule that is about it."""

from __future__ import annotations

import hashlib

import anyio
import anyio.lowlevel

from asyncfetch import Digest, DigestMismatch
from asyncfetch._model.exchange import NOTHING, Held


class Store:
    """A NearEnd in memory; mutants override its sinks."""

    keeps = True

    def __init__(self, kind):
        self.kind = kind
        self.parts = {}
        self.files = {}

    def sink(self, name, digests=()):
        return self.kind(self, name, digests)

    def visible(self, name):
        return self.files.get(name)


class RightSink:
    room_for = 70_000

    def __init__(self, store, name, digests):
        self.store, self.name, self.asked = store, name, digests
        self.data, self.validator, self.lent, self.busy = bytearray(), None, None, False

    async def __aenter__(self):
        self.data, self.validator = self.store.parts.pop(self.name, (bytearray(), None))
        return self

    async def __aexit__(self, *exc_info):
        if self.data and self.store.keeps:
            self.store.parts[self.name] = (self.data, self.validator)

    @property
    def held(self):
        return Held(len(self.data), self.validator) if self.data else NOTHING

    async def begin(self, validator, size, *, offset, digests):
        del self.data[offset:]
        self.validator = validator
        self.digests = (*self.asked, *digests)

    def lend(self, hint):
        if self.busy:  # now and then, to have room() waited for
            return None
        self.lent = memoryview(bytearray(self.room_for))
        return self.lent

    async def room(self):
        await anyio.lowlevel.checkpoint()
        self.busy = False

    def take(self, count):
        self.data += self.lent[:count]
        self.lent, self.busy = None, count > 0

    def computed(self):
        return tuple(Digest(f"sha256:{hashlib.sha256(self.data).hexdigest()}") for _ in self.digests[:1])

    async def commit(self):
        computed = self.computed()
        if any(digest.value and digest not in computed for digest in self.digests):
            raise DigestMismatch("other bytes")
        self.store.files[self.name] = bytes(self.data)
        self.data = bytearray()
        return computed


class VisibleAtOnce(RightSink):
    def take(self, count):
        super().take(count)
        self.store.files[self.name] = bytes(self.data)


class TruncatesTheOld(RightSink):
    async def begin(self, validator, size, *, offset, digests):
        await super().begin(validator, size, offset=offset, digests=digests)
        if self.name in self.store.files:
            self.store.files[self.name] = b""


class CommitsOnLeaving(RightSink):
    async def __aexit__(self, *exc_info):
        if exc_info[0] is None and self.data:
            self.store.files[self.name] = bytes(self.data)
        await super().__aexit__(*exc_info)


class SwallowsOnLeaving(RightSink):
    async def __aexit__(self, *exc_info):
        await super().__aexit__(*exc_info)
        return exc_info[0] is RuntimeError


class SwallowsCancelOnLeaving(RightSink):
    async def __aexit__(self, *exc_info):
        await super().__aexit__(*exc_info)
        return exc_info[0] is not None and issubclass(exc_info[0], anyio.get_cancelled_exc_class())


class NeverRewinds(RightSink):
    async def begin(self, validator, size, *, offset, digests):
        await super().begin(validator, size, offset=len(self.data), digests=digests)


class RewindsToNothing(RightSink):
    async def begin(self, validator, size, *, offset, digests):
        await super().begin(validator, size, offset=0, digests=digests)


class LeavesAStaleTail(RightSink):
    """Writes over what is there, as a file without truncate."""

    at = 0

    async def begin(self, validator, size, *, offset, digests):
        self.at, self.validator, self.digests = offset, validator, (*self.asked, *digests)

    @property
    def held(self):
        return Held(self.at, self.validator) if self.at else NOTHING

    async def __aenter__(self):
        await super().__aenter__()
        self.at = len(self.data)
        return self

    def take(self, count):
        self.data[self.at : self.at + count] = self.lent[:count]
        self.at += count
        self.busy = count > 0

    async def commit(self):
        computed = await super().commit()
        self.at = 0
        return computed


class CommitsWrongBytes(RightSink):
    async def commit(self):
        self.digests = ()
        return await super().commit() or self.computed()


class ChecksOnlyWhatWasAsked(RightSink):
    async def begin(self, validator, size, *, offset, digests):
        await super().begin(validator, size, offset=offset, digests=())


class CommitsThenChecks(RightSink):
    async def commit(self):
        self.store.files[self.name] = bytes(self.data)
        return await super().commit()


class HashesOnlyThisAttempt(RightSink):
    async def begin(self, validator, size, *, offset, digests):
        await super().begin(validator, size, offset=offset, digests=digests)
        self.hashed_from = offset

    def computed(self):
        return tuple(
            Digest(f"sha256:{hashlib.sha256(self.data[self.hashed_from :]).hexdigest()}") for _ in self.digests
        )


class ForgetsTheValidator(RightSink):
    async def __aexit__(self, *exc_info):
        self.validator = None
        await super().__aexit__(*exc_info)


class KeepsTheOldValidator(RightSink):
    async def begin(self, validator, size, *, offset, digests):
        await super().begin(self.validator or validator, size, offset=offset, digests=digests)


class KeepsNothing(RightSink):
    async def __aexit__(self, *exc_info):
        self.store.parts.pop(self.name, None)


class HoldsMoreThanItHas(RightSink):
    async def __aenter__(self):
        await super().__aenter__()
        self.data += bytes(1 if self.data else 0)
        return self


class KeepsThePartAfterCommit(RightSink):
    async def commit(self):
        data = self.data
        computed = await super().commit()
        self.data = data
        return computed


class BelievesTheHint(RightSink):
    def lend(self, hint):
        view = super().lend(hint)
        if view is None or hint is None:
            return view
        left = max(0, hint - len(self.data))
        self.lent = view[: min(left, len(view))]
        return self.lent


class OneBufferForAll(RightSink):
    """Takes views, and copies them too late."""

    buffer = bytearray(70_000)

    def lend(self, hint):
        view = super().lend(hint)
        if view is not None:
            self.lent = view = memoryview(OneBufferForAll.buffer)
        return view

    def take(self, count):
        self.flush_late()
        self.late = (self.lent, count)
        self.busy = count > 0

    late = None

    def flush_late(self):
        if self.late is not None:
            view, count = self.late
            self.data += view[:count]
            self.late = None

    async def commit(self):
        self.flush_late()
        return await super().commit()


class LendsReadOnly(RightSink):
    def lend(self, hint):
        view = super().lend(hint)
        return None if view is None else view.toreadonly()


class RaisesOSError(RightSink):
    async def begin(self, validator, size, *, offset, digests):
        raise OSError(28, "No space left on device")


class SharesOnePart(RightSink):
    def __init__(self, store, name, digests):
        super().__init__(store, name, digests)
        self.data = store.__dict__.setdefault("shared", bytearray())

    async def __aenter__(self):
        self.data = self.store.shared
        return self


WRONG_SINKS = [
    (VisibleAtOnce, "nothing_before_commit"),
    (TruncatesTheOld, "nothing_before_commit"),
    (CommitsOnLeaving, "nothing_without_commit"),
    (SwallowsOnLeaving, "nothing_without_commit"),
    (SwallowsCancelOnLeaving, "cancellation"),
    (NeverRewinds, "held"),
    (RewindsToNothing, "rewind"),
    (LeavesAStaleTail, "rewind"),
    (CommitsWrongBytes, "digests|rewind"),
    (ChecksOnlyWhatWasAsked, "digest_mismatch"),
    (CommitsThenChecks, "digest_mismatch"),
    (HashesOnlyThisAttempt, "rewind"),
    (ForgetsTheValidator, "resumed"),
    (KeepsTheOldValidator, "held"),
    (KeepsNothing, "resumed"),
    (HoldsMoreThanItHas, "nothing_without_commit|resumed"),
    (KeepsThePartAfterCommit, "resumed"),
    (BelievesTheHint, "odd_pieces"),
    (OneBufferForAll, "whole"),
    (LendsReadOnly, "whole"),
    (RaisesOSError, "whole"),
    (SharesOnePart, "whole|held"),
]
