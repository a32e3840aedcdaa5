"""Every operation of a fetch goes wrong once, for every scheme; and a harness that would not notice is noticed.

``ASYNCFETCH_TORTURE=1`` strikes every operation of every wish; without it, some of them.
"""

import logging
import os

import pytest

from asyncfetch._disk import note, part
from asyncfetch.testing import MemoryFarEnd, MemoryTransport, open_far_end
from asyncfetch.testing.torture import WAYS, WISHES, torture
from asyncfetch.testing.torture.__main__ import main

from . import shelf
from .memory import transports

EVERYTHING = bool(os.environ.get("ASYNCFETCH_TORTURE"))
# struck in the default run: the dearer the scheme, the fewer
STRIDES = {"http": 7, "https": 11, "ftp": 12, "ftps": 23, "s3": 13, "file": 6}
KILLS = 9  # a fork each: fewer
CHEAP = [way for way in WAYS if way not in {"killed", "EIO", "EACCES"}]


@pytest.fixture(autouse=True)
def _quiet():
    """A bug in a transport is logged; here it is on purpose."""
    logging.getLogger("asyncfetch").setLevel(logging.CRITICAL)
    yield
    logging.getLogger("asyncfetch").setLevel(logging.NOTSET)


def chosen():
    """Which wishes: without being asked for everything the two that differ most."""
    if EVERYTHING:
        return WISHES
    return [wish for wish in WISHES if wish.name in {"small", "resumed"}]


@pytest.mark.parametrize("backend", ["asyncio", "trio", "sync"])
@pytest.mark.parametrize("scheme", ["http", "https", "ftp", "ftps", "s3", "file"])
def test_every_operation_goes_wrong(scheme, backend):
    with open_far_end(scheme) as far_end:
        if EVERYTHING:
            report = torture(far_end, backend=backend)
        else:
            wishes = chosen()
            # on trio they take their time to be made: httpx's lane, and s3's loop in a thread
            stride = STRIDES[scheme] * {"asyncio": 1, "sync": 2, "trio": 2 if scheme == "file" else 6}[backend]
            report = torture(far_end, backend=backend, ways=CHEAP, wishes=wishes, stride=stride)
            if backend == "asyncio":
                report.rows += torture(far_end, ways=["killed"], wishes=wishes[:1], stride=KILLS).rows
    print(f"\n{report}")
    assert report.rounds > (8 if backend == "asyncio" else 4)
    assert {row.way for row in report.rows} >= {"ENOSPC", "port", "interrupted" if backend == "sync" else "cancelled"}


def test_a_handshake_that_is_cancelled_on_trio_leaves_no_socket():
    """At every step, as only a few are within it: httpcore leaves the connection to the garbage collector."""
    with open_far_end("https") as far_end:
        report = torture(far_end, backend="trio", ways=["cancelled"], wishes=WISHES[:1])
    assert report.rounds > 20


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_transport_of_somebody_elses(backend):
    far = MemoryFarEnd(MemoryTransport())
    stride = 1 if EVERYTHING else 7
    report = torture(far, transports=transports, backend=backend, ways=CHEAP, wishes=chosen(), stride=stride)
    if backend == "asyncio" or EVERYTHING:
        more = ["killed", "EIO", "EACCES"]
        more = torture(far, transports=transports, backend=backend, ways=more, wishes=chosen(), stride=2 * stride)
        report.rows += more.rows
    assert report.rounds > 12


def test_the_calls_of_ones_own_modules_are_operations_too():
    far, wishes = MemoryFarEnd(MemoryTransport()), WISHES[:1]
    report = torture(far, transports=shelf.transports, ways=["EIO"], wishes=wishes, modules=["tests.torture.shelf"])
    plain = torture(far, transports=transports, ways=["EIO"], wishes=wishes)
    assert report.rounds == plain.rounds + 1
    assert report.rows[0].outcomes["SourceError"] == 1
    with pytest.raises(AssertionError, match=r"stat \(.*shelf.py:\d+\): it escaped"):
        torture(far, transports=shelf.careless, ways=["EIO"], wishes=wishes, modules=["tests.torture"])
    with pytest.raises(ValueError, match="no source of a module"):
        torture(far, transports=transports, ways=["EIO"], wishes=wishes, modules=["asyncfetch.nowhere"])


def test_a_transport_that_cannot_be_made_in_another_process_is_told():
    with pytest.raises(RuntimeError, match="must be one of a module"):
        torture(MemoryFarEnd(MemoryTransport()), transports=shelf.at_home, ways=["killed"], wishes=WISHES[:1])


# --- what must be noticed


def strike(*ways, wish="resumed"):
    wishes = [one for one in WISHES if one.name == wish]
    return torture(MemoryFarEnd(MemoryTransport()), transports=transports, ways=ways, wishes=wishes)


def test_a_note_that_runs_ahead_of_its_bytes_is_noticed(monkeypatch):
    real = part.Part._vouch

    def boast(self):
        real(self)
        ahead = self.position + 1_000
        if self._note is not None and ahead < 2_500_000:
            self._note.move_on(ahead)
            os.ftruncate(self._descriptor, ahead)

    monkeypatch.setattr(part.Part, "_vouch", boast)
    with pytest.raises(AssertionError, match="vouches for"):
        strike("ENOSPC", wish="large")


def test_a_descriptor_that_is_left_is_noticed(monkeypatch):
    left = []
    monkeypatch.setattr(part.Part, "_close_note", lambda self: left.append(self._note))
    monkeypatch.setattr("asyncfetch.testing.torture._signs._PATIENCE", 0.05)
    try:
        with pytest.raises(AssertionError, match="left open"):
            strike("ENOSPC", wish="large")
    finally:
        for one in left:
            if isinstance(one, note.Note):
                one.close()


def test_an_error_that_is_hidden_is_noticed(monkeypatch):
    def swallow(self, view):
        self.position += len(view)

    monkeypatch.setattr(part.Part, "write", swallow)
    with pytest.raises(AssertionError):
        strike("ENOSPC", wish="large")


def test_a_way_that_is_none():
    with pytest.raises(ValueError, match="no way"):
        strike("boredom")


def test_the_command(capsys, monkeypatch):
    """The report of what is chosen; what is not there is a mistake before anything runs."""
    logging.getLogger("asyncfetch").setLevel(logging.NOTSET)
    monkeypatch.setattr("sys.argv", ["torture", "file", "--wish", "small", "--way", "port", "--backend", "asyncio"])
    assert main() == 0
    told = capsys.readouterr().out
    assert told.startswith("file    asyncio  small    port ")
    assert told.endswith(" rounds\n")
    for wrong in (["gopher"], ["--stride", "0"], ["--way", "boredom"], ["--wish", "much"]):
        monkeypatch.setattr("sys.argv", ["torture", "http", *wrong])
        with pytest.raises(SystemExit) as caught:
            main()
        assert caught.value.code == 2
    assert capsys.readouterr().out == ""


def test_what_does_not_hold_costs_the_status(capsys, monkeypatch):
    monkeypatch.setattr(part.Part, "write", lambda self, view: setattr(self, "position", self.position + len(view)))
    choice = ["http", "--wish", "small", "--way", "ENOSPC", "--backend", "asyncio"]
    monkeypatch.setattr("sys.argv", ["torture", *choice])
    assert main() == 1
    assert capsys.readouterr().out.startswith("DID NOT HOLD: ")
