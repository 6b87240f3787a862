"""The example notebook runs from its first cell to its last, and shows what it promises."""

from __future__ import annotations

import nbformat
import pytest
from nbclient import NotebookClient

from conftest import ROOT


@pytest.mark.slow
def test_the_2015_notebook_runs_and_shows_sounds_figures_and_a_table() -> None:
    notebook = nbformat.read(ROOT / "examples" / "thiemann2015.ipynb", as_version=4)  # type: ignore[no-untyped-call]
    assert not any(cell.get("outputs") for cell in notebook.cells)
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    shown = [output["data"] for output in outputs if "data" in output]
    html = [data["text/html"] for data in shown if "text/html" in data]
    assert sum("<audio" in text for text in html) == 7
    assert sum("image/png" in data for data in shown) == 3
    assert sum("<table" in text and "spectramend" in text for text in html) == 1
    assert not any(
        output.output_type == "error" or output.get("name") == "stderr" for output in outputs
    )
