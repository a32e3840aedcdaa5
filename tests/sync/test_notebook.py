"""A notebook, run headless by a real kernel, whose loop runs while its cells do."""

import os
import sys

import pytest

from asyncfetch.testing import Pattern

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


# what the kernel's own libraries warn of is not ours
@pytest.mark.filterwarnings("ignore")
def test_cells_fetch_while_the_notebook_s_loop_runs(http_server, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    page = http_server.serve("/a", DATA)
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(text.replace("URL", repr(page.url))) for text in CELLS],
        metadata={"kernelspec": {"name": "python3", "display_name": "", "language": "python"}},
    )
    nbclient.NotebookClient(notebook, timeout=30, resources={"metadata": {"path": str(tmp_path)}}).execute()
    told = [cell.outputs[0]["data"]["text/plain"] if cell.outputs else None for cell in notebook.cells[1:]]
    size = str(len(DATA))
    assert told[1] == told[5] == told[6] == size
    assert told[2] == "<sync Client new>"
    assert told[3].startswith(f"<Result {page.url} -> {tmp_path}/two: {size} bytes in ")
    assert told[4] == f"[{size}, {size}]"
    assert told[7] == "<sync Client closed>"
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes() == DATA
