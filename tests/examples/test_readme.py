"""The README's Python runs as it stands there, with its hosts served on this machine."""

import hashlib
import re
from pathlib import Path

import anyio
import pytest

from asyncfetch.testing import Pattern

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
DATA = Pattern(50_000, seed=2).read()


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_every_block_compiles(number):
    compile(BLOCKS[number], f"README.md, block {number}", "exec")


def test_the_ten_lines(http_server, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    page = http_server.serve("/pkgs/numpy-2.1.0.conda", DATA)
    (block,) = [block for block in BLOCKS if "async def main" in block]
    text = block.replace("https://example.org", http_server.url(""))
    text = re.sub(r"sha256:[0-9a-f]{64}", f"sha256:{hashlib.sha256(DATA).hexdigest()}", text)
    assert text.count(http_server.url("")) == 1
    exec(compile(text, "README.md", "exec"), {})
    assert (tmp_path / "pkgs" / "numpy-2.1.0.conda").read_bytes() == DATA
    assert str(len(DATA)) in capsys.readouterr().out
    assert page.hits == 1


def test_many_at_a_time(http_server, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pkgs").mkdir()
    urls = [http_server.serve(f"/{number}", DATA).url for number in range(3)] + [http_server.url("/none")]
    (block,) = [block for block in BLOCKS if "async def many" in block]
    names = {}
    exec(compile("import asyncfetch\n" + block, "README.md", "exec"), names)
    anyio.run(names["many"], urls)
    out = capsys.readouterr().out
    assert (out.count("fetched:"), out.count("failed:")) == (3, 1)


def test_every_link_leads_somewhere():
    root = Path(__file__).parents[2]
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert links
    assert [link for link in links if not (root / link).exists()] == []
