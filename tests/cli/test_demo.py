"""asyncfetch demo."""

import os
import subprocess
import sys

import pytest

import asyncfetch
from asyncfetch.cli import scenes
from asyncfetch.testing.far_ends import FAR_ENDS, HttpFarEnd

from .running import PROGRAM, environment


def test_everything_is_as_it_must_be_and_nothing_is_left(tmp_path):
    ended = subprocess.run(
        [*PROGRAM, "demo"], capture_output=True, text=True, env=environment(TMPDIR=str(tmp_path)), check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    lines = ended.stdout.splitlines()
    assert lines[-1] == "all as it must be"
    assert {line[:4].strip() for line in lines[1:-1]} == {"ok"}
    for scheme in FAR_ENDS:
        assert f"{scheme}: a file, verified" in ended.stdout
    assert not os.listdir(tmp_path)


def test_a_surprise_is_told_and_costs_the_status(run, monkeypatch, tmp_path):
    async def surprise(stage):
        scenes.expect(False, "it rained")

    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("asyncfetch.cli.demo.scenes", lambda stage: [("the weather", lambda: surprise(stage))])
    ended = run("demo")
    assert ended.status == 1
    assert "FAIL  the weather" in ended.out
    assert "Surprise: it rained" in ended.out
    assert ended.out.endswith("1 not as it must be\n")


@pytest.mark.anyio
async def test_scenes_notice_what_is_wrong(tmp_path, http_server):
    """The demonstration is no theatre: without the fault, a scene that shows its handling does not hold."""
    far_ends = {"http": HttpFarEnd(http_server)}
    stage = scenes.Stage(far_ends, str(tmp_path), asyncfetch.Settings(trust_env=False))
    (tmp_path / "fetched").mkdir()
    serve = http_server.serve
    http_server.serve = lambda path, data, **_: serve(path, data)
    for scene in (scenes.cut, scenes.later, scenes.corrupt):
        with pytest.raises(scenes.Surprise):
            await scene(stage)


def test_without_the_extra_it_says_what_to_install(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "trustme", None)
    ended = run("demo")
    assert ended.status == 1
    assert "trustme" in ended.err
    assert "pip install 'asyncfetch[testing]'" in ended.err
