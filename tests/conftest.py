"""What holds for every test: its event loops, and guards that keep it on this machine and see that it clears up.

* Async tests (``pytest.mark.anyio``) run on asyncio and on trio; those marked ``every_loop`` on uvloop too, and with
  ``ASYNCFETCH_EVERY_LOOP=1`` in the environment all of them do.
* Nothing leaves the machine: a connection or a look-up beyond loopback is refused and fails the test that made it.
  Names below ``.invalid`` (RFC 6761) fail as such names do, without anybody being asked. A subprocess and uvloop's own
  sockets are out of reach of this guard.
* No environment of the user's takes part: no proxy, netrc, AWS or CA variable, and an empty home.
* Property tests try the same examples in every run, without a time limit for one: the machine may be busy.
* A test that leaves threads of ours running fails; one marked ``descriptors`` also if it leaves anything open.
"""

from __future__ import annotations

import gc
import ipaddress
import os
import signal
import socket
import sys
import threading
from importlib.util import find_spec
from typing import TYPE_CHECKING

import hypothesis
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

UVLOOP = ("asyncio", {"use_uvloop": True})

_MARKERS = (
    "every_loop: run on uvloop too, not on asyncio and trio only",
    "descriptors: fail if the test leaves files or sockets open (where /proc tells)",
)


def pytest_configure(config: pytest.Config) -> None:
    for marker in _MARKERS:
        config.addinivalue_line("markers", marker)
    slow = [hypothesis.HealthCheck.too_slow]
    hypothesis.settings.register_profile(
        "suite", derandomize=True, database=None, deadline=None, suppress_health_check=slow
    )
    hypothesis.settings.load_profile("suite")


def pytest_sessionstart() -> None:
    """Thousands of tests are collected: to look through them for garbage again and again takes longer than the rest."""
    gc.disable()


def pytest_collection_finish() -> None:
    """From here on only what tests make is looked through."""
    gc.enable()
    gc.freeze()


# --- event loops


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("asyncio", id="asyncio"),
        pytest.param("trio", id="trio"),
        pytest.param(UVLOOP, id="uvloop"),
    ],
)
def anyio_backend(request: pytest.FixtureRequest) -> object:
    """Give the event loop, in the form anyio's pytest plugin takes."""
    return request.param


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave uvloop to the tests that ask for it: it finds little that asyncio does not, and costs as much."""
    everywhere = bool(os.environ.get("ASYNCFETCH_EVERY_LOOP"))
    available = find_spec("uvloop") is not None
    kept, left = [], []
    for item in items:
        callspec = getattr(item, "callspec", None)
        on_uvloop = callspec is not None and callspec.params.get("anyio_backend") is UVLOOP
        wanted = available and (everywhere or item.get_closest_marker("every_loop") is not None)
        (left if on_uvloop and not wanted else kept).append(item)
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = kept


# --- the network

_trespasses: list[str] = []


def _is_here(host: object) -> bool:
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if not isinstance(host, str) or host in {"", "localhost", socket.gethostname()} or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _is_address(host: object) -> bool:
    try:
        ipaddress.ip_address(str(host).partition("%")[0])
    except ValueError:
        return False
    return True


def _stay_here(event: str, arguments: tuple[object, ...]) -> None:
    if event in {"socket.connect", "socket.sendto"}:
        address = arguments[1]
        if isinstance(address, tuple) and address and not _is_here(address[0]):
            _trespasses.append(f"{event} {address!r}")
            raise ConnectionRefusedError(f"tests stay on this machine: {address!r}")
    elif event in {"socket.getaddrinfo", "socket.gethostbyname"}:
        host = arguments[0]
        if not _is_here(host) and not _is_address(host):
            name = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)
            if not name.rstrip(".").endswith(".invalid"):
                _trespasses.append(f"{event} {name!r}")
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


# an audit hook (PEP 578) sees every socket of every library, in every thread, and its exception ends the call
sys.addaudithook(_stay_here)


@pytest.fixture(autouse=True)
def _on_this_machine() -> Iterator[None]:
    """Fail a test that tried to leave, even if the code under test took the refusal for an answer."""
    _trespasses.clear()
    yield
    assert not _trespasses, f"the test tried to leave this machine: {_trespasses}"


# --- the environment

_PREFIXES = ("AWS_", "SSL_CERT_")
_NAMES = {"NETRC", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSLKEYLOGFILE", "NO_COLOR", "FORCE_COLOR", "CI"}


@pytest.fixture(scope="session", autouse=True)
def _neutral_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Take the user's own settings away, subprocesses included."""
    home = str(tmp_path_factory.mktemp("home"))
    with pytest.MonkeyPatch.context() as patch:
        for name in tuple(os.environ):
            if name.upper().endswith("_PROXY") or name.upper().startswith(_PREFIXES) or name.upper() in _NAMES:
                patch.delenv(name)
        patch.setenv("HOME", home)
        patch.setenv("USERPROFILE", home)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")  # its address is not on this machine
        ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN  # in the background; programs inherit it
        if ignored:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        yield
        if ignored:
            signal.signal(signal.SIGINT, signal.SIG_IGN)


# --- what is left behind


@pytest.fixture(autouse=True)
def _environment_as_it_was(_neutral_environment: None) -> Iterator[None]:
    """Fail a test that leaves the environment changed: the next one would run in it."""
    names = set(os.environ) - {"PYTEST_CURRENT_TEST"}
    yield
    assert set(os.environ) - {"PYTEST_CURRENT_TEST"} == names


@pytest.fixture(autouse=True)
def _no_threads_left() -> Iterator[None]:
    """Fail a test that leaves threads of ours; one that is ending just now gets a moment to end."""
    before = set(threading.enumerate())
    yield
    ours = [one for one in threading.enumerate() if one not in before and one.name.startswith("asyncfetch")]
    for thread in ours:
        thread.join(2.0)
    assert not [thread.name for thread in ours if thread.is_alive()]


@pytest.fixture(autouse=True)
def _no_descriptors_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test marked ``descriptors`` that leaves more files or sockets open than it found."""
    if request.node.get_closest_marker("descriptors") is None or not os.path.isdir("/proc/self/fd"):
        yield
        return
    if "uvloop" in request.node.name:  # the first loop of a process opens a pipe for all of them
        import uvloop

        uvloop.new_event_loop().close()
    before = _descriptors()
    yield
    gc.collect()
    left = {number: what for number, what in _descriptors().items() if before.get(number) != what}
    assert not left, f"left open: {left}"


def _descriptors() -> dict[str, str]:
    found = {}
    for number in os.listdir("/proc/self/fd"):
        try:
            found[number] = os.readlink(f"/proc/self/fd/{number}")
        except OSError:  # the one that listed the directory
            continue
    return found
