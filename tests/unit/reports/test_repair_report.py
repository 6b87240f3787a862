"""The report of a repair: JSON, sounds before and after, figures, and a page that names them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from spectramend import Region, repair_file
from spectramend.reports.repair_report import as_json, job_json, write_report
from spectramend.restoration.recording_files import FileRepair

SR = 8000
GAP, EVENT = Region(1, 1.02), Region(0.5, 0.6, 500.6, 500.9, label="hum")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("report")


@pytest.fixture(scope="module")
def done(folder: Path) -> FileRepair:
    x = np.sin(0.3 * np.arange(2 * SR)) + 0.1 * np.random.default_rng(0).standard_normal(2 * SR)
    x /= 4
    x[SR : SR + 160] = 0
    soundfile.write(folder / "x.wav", x, SR, subtype="DOUBLE")
    return repair_file(folder / "x.wav", folder / "y.wav", [GAP, EVENT], n_excerpts=2, rng=0)


def test_a_row_counts_channels_from_1(done: FileRepair) -> None:
    gap, event = (job_json(job) for job in done.jobs)
    assert (gap["channel"], gap["region"], gap["label"]) == (1, "1-1.02", "")
    assert (gap["model"], gap["n_fft"], gap["order"]) == ("ar", None, 640)
    assert (event["label"], event["model"], event["order"]) == ("hum", "semisupervised_nmf", None)


def test_files_have_their_hash_unless_they_are_written_over(done: FileRepair, folder: Path) -> None:
    facts = as_json(done, folder / "y.wav", {"seed": 0})
    for file in ("input", "output"):
        content = (folder / facts[file]["name"]).read_bytes()
        assert facts[file]["sha256"] == hashlib.sha256(content).hexdigest()
    assert facts["settings"] == {"seed": 0}
    assert [(job["start"], job["stop"]) for job in facts["jobs"]] == [(8000, 8160), (4000, 4800)]
    assert as_json(done, folder / "x.wav", {})["input"]["sha256"] is None


def test_the_folder_holds_what_the_page_shows(
    done: FileRepair, folder: Path, tmp_path: Path
) -> None:
    write_report(tmp_path, done, folder / "y.wav", settings={}, command="spectramend repair x.wav")
    page = (tmp_path / "index.html").read_text("utf-8")
    pictures = ["repair_01.png", "repair_02.png"]
    names = ["after.wav", "before.wav", "index.html", *pictures, "report.json"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert all(f'src="{name}"' in page for name in ("before.wav", "after.wav", *pictures))
    assert "Repairs" in page
    assert "0.5-0.6@500.6-500.9" in page  # rounded, the band would be empty
    before, after = (soundfile.read(tmp_path / f"{n}.wav")[0] for n in ("before", "after"))
    # A second of context on either side, as far as there is some, and half a second of silence.
    assert before.size == after.size == 2 * SR + SR // 2 + (SR // 2 + 800 + SR) + SR // 2
    assert json.loads((tmp_path / "report.json").read_text())["output"]["name"] == "y.wav"
