"""A notebook, run headless by a real kernel, whose loop runs while its cells do."""

import os
import sys

import pytest

from asyncfetch.testing import Pattern, Throttle

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")
DATA = Pattern(100_000, seed=3).read()

CELLS = (
    "import asyncio, asyncfetch\nfrom asyncfetch import sync\nasyncio.get_running_loop()",
    "settings = asyncfetch.Settings(trust_env=False)",
    "sync.fetch(URL, 'one', settings=settings).size",
    "client = sync.Client(settings=settings)\nclient",
    "client.fetch(URL, 'two')",
    "[outcome.size for outcome in client.as_fetched([URL, URL])]",
    "with client.open(URL) as body:\n    size = len(body.read())\nsize",
    "async with asyncfetch.Client(settings=settings) as ours:\n    size = len(await ours.read(URL))\nsize",
    "client.close()\nclient",
)


BARS = (
    "import asyncfetch\nfrom asyncfetch import sync\nfrom asyncfetch.cli.progress import Bars",
    "settings = asyncfetch.Settings(trust_env=False)",
    "sync.fetch(URL, 'one', settings=settings, progress=True)\nNone",
    """bars = Bars()
async with asyncfetch.Client(settings=settings, observer=bars) as ours:
    await ours.fetch(URL, 'two')
bars.close()""",
)


def run(cells, url, folder, monkeypatch):
    """Run the cells of a notebook, and give their outputs."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    monkeypatch.setenv("IPYTHONDIR", str(folder / "ipython"))
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(text.replace("URL", repr(url))) for text in cells],
        metadata={"kernelspec": {"name": "python3", "display_name": "", "language": "python"}},
    )
    nbclient.NotebookClient(notebook, timeout=30, resources={"metadata": {"path": str(folder)}}).execute()
    return [cell.outputs for cell in notebook.cells]


# what the kernel's own libraries warn of is not ours
@pytest.mark.filterwarnings("ignore")
def test_cells_fetch_while_the_notebook_s_loop_runs(http_server, tmp_path, monkeypatch):
    page = http_server.serve("/a", DATA)
    outputs = run(CELLS, page.url, tmp_path, monkeypatch)
    told = [one[0]["data"]["text/plain"] if one else None for one in outputs[1:]]
    size = str(len(DATA))
    assert told[1] == told[5] == told[6] == size
    assert told[2] == "<sync Client new>"
    assert told[3].startswith(f"<Result {page.url} -> {tmp_path}/two: {size} bytes in ")
    assert told[4] == f"[{size}, {size}]"
    assert told[7] == "<sync Client closed>"
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes() == DATA


@pytest.mark.filterwarnings("ignore")
def test_bars_in_a_notebook_leave_one_line(http_server, tmp_path, monkeypatch):
    pytest.importorskip("rich")
    page = http_server.serve("/a", DATA, always=[Throttle(200_000)])  # half a second: several drawings
    for outputs in run(BARS, page.url, tmp_path, monkeypatch)[2:]:
        (shown,) = outputs
        assert shown["output_type"] == "display_data"
        assert shown["data"]["text/plain"].startswith("1 file, 100.0 kB in ")
        assert "<pre" in shown["data"]["text/html"]
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes() == DATA
