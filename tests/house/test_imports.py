"""What ``import asyncfetch`` costs: nothing is loaded before it is used. Counted in modules, as time is no test."""

import subprocess
import sys

import pytest

# slow to load, or an event loop that the program may not want
_SLOW = {
    "aiobotocore", "aioftp", "anyio", "asyncio", "botocore", "http.client", "httptools", "httpx", "httpx2", "idna",
    "rich", "socket", "ssl", "trio", "truststore", "uvloop", "yaml",
}  # fmt: skip
_CODE = "import sys; before = set(sys.modules); {}; print(*sorted(set(sys.modules) - before))"


def _loaded_by(code):
    ran = subprocess.run([sys.executable, "-c", _CODE.format(code)], check=True, capture_output=True, text=True)
    return set(ran.stdout.split())


def test_importing_loads_nothing_slow_and_nothing_below():
    loaded = _loaded_by("import asyncfetch")
    assert {name for name in loaded if name.startswith("asyncfetch")} == {"asyncfetch", "asyncfetch._version"}
    assert not loaded & _SLOW
    assert len(loaded) <= 30


def test_the_values_load_nothing_slow():
    names = "Attempt, Bearer, Digest, Fetch, FetchError, Limits, Result, Retry, Settings, Url, Validator, Verdict"
    loaded = _loaded_by(f"from asyncfetch import {names}; Fetch('https://h/a', 'x', digest='sha256'); Settings()")
    assert not loaded & _SLOW
    assert not {name for name in loaded if name.startswith("asyncfetch") and not name.startswith("asyncfetch._")} - {
        "asyncfetch"
    }
    assert len(loaded) <= 62


@pytest.mark.parametrize("name", ["Client", "fetch", "fetch_all", "read"])
def test_the_client_loads_no_transport(name):
    loaded = _loaded_by(f"from asyncfetch import {name}")
    assert "asyncfetch._client" in loaded
    assert not loaded & (_SLOW - {"anyio", "asyncio", "socket", "ssl"})
    assert not {module for module in loaded if module.startswith("asyncfetch._transports.")}
