"""asyncfetch.testing exports exactly what its `__all__` says, sorted, and loads it on first use."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest

import asyncfetch.testing
from asyncfetch.testing import faults


def test_all_is_sorted_and_every_name_loads():
    assert asyncfetch.testing.__all__ == sorted(set(asyncfetch.testing.__all__))
    for name in asyncfetch.testing.__all__:
        assert getattr(asyncfetch.testing, name).__name__ == name
    assert set(asyncfetch.testing.__all__) <= set(dir(asyncfetch.testing))
    with pytest.raises(AttributeError, match="nonsense"):
        asyncfetch.testing.nonsense  # noqa: B018 - asking is the test


def test_every_fault_is_exported_frozen_and_documented():
    found = [value for value in vars(faults).values() if dataclasses.is_dataclass(value)]
    assert len(found) > 25
    for fault in found:
        assert fault.__name__ in asyncfetch.testing.__all__
        assert fault.__dataclass_params__.frozen
        assert fault.__doc__
        assert not fault.__doc__.startswith(fault.__name__ + "(")
    assert set(faults.Fault.__args__) == set(found)


def test_importing_loads_no_event_loop_and_no_server():
    code = "import asyncfetch.testing, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"anyio", "asyncio", "ssl", "socket", "trustme", "pytest", "asyncfetch.testing.http"} & set(loaded)
