"""The pytest plugin: it costs nothing at load, and its fixtures work in a project that is not ours."""

from __future__ import annotations

import os
import subprocess
import sys

from asyncfetch.testing import far_ends, plugin

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
THEIRS = """
import ssl, urllib.request

def test_http(http_server):
    assert urllib.request.urlopen(http_server.serve("/a", b"plain").url).read() == b"plain"

def test_https(https_server, ca_file):
    url = https_server.serve("/a", b"safe").url
    assert urllib.request.urlopen(url, context=ssl.create_default_context(cafile=ca_file)).read() == b"safe"

def test_far_end(far_end):
    assert far_end.publish("a", b"x").startswith(far_end.scheme + "://")
    assert far_end.settings is not None
"""


def run(*command: str, cwd: str) -> str:
    environment = {**os.environ, "PYTHONPATH": ROOT, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        [sys.executable, *command], check=False, cwd=cwd, env=environment, capture_output=True, text=True, timeout=50
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_loading_the_plugin_loads_nothing_but_itself(tmp_path):
    code = (
        "import sys, pytest; a = set(sys.modules); import asyncfetch.testing.plugin; print(*sorted({*sys.modules} - a))"
    )
    loaded = run("-c", code, cwd=str(tmp_path)).split()
    assert loaded == ["asyncfetch", "asyncfetch._version", "asyncfetch.testing", "asyncfetch.testing.plugin"]


def test_the_fixtures_work_elsewhere(tmp_path):
    (tmp_path / "test_theirs.py").write_text(THEIRS)
    options = ["-p", "asyncfetch.testing.plugin", "-p", "no:cacheprovider", "-W", "error::ResourceWarning"]
    schemes = ["-k", "not s3 and not ftp"]  # those need servers that a project need not have
    out = run("-m", "pytest", "-q", *options, *schemes, "test_theirs.py", cwd=str(tmp_path))
    assert " passed" in out
    assert "skipped" not in out


def test_the_schemes_written_out_are_those_there_are():
    assert sorted(plugin.SCHEMES) == sorted(far_ends.FAR_ENDS)
