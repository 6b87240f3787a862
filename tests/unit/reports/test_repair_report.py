"""The report of a repair: JSON, sounds before and after, figures, and a page that names them."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from matplotlib.image import imread

from spectramend import STFT, Mask, Region, repair_file
from spectramend.reports.repair_report import SOUNDS, as_json, job_json, write_report
from spectramend.reports.repair_views import write_view
from spectramend.restoration.recording_files import FileRepair

SR = 8000
GAP, EVENT = Region(1, 1.02), Region(0.5, 0.6, 500.6, 500.9, label="beep")


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
    assert (event["label"], event["model"], event["order"]) == ("beep", "semisupervised_nmf", None)


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
    images = [f"repair_0{i}_{name}.png" for i in (1, 2) for name in SOUNDS]
    sounds = ["after.wav", "before.wav", "removed.wav"]
    assert {path.name for path in tmp_path.iterdir()} == {
        *sounds, *pictures, *images, "index.html", "report.json"
    }  # fmt: skip
    assert all(f'src="{name}"' in page for name in (*sounds, *pictures))
    assert all(name in page for name in images)
    assert "Repairs" in page
    assert "0.5-0.6@500.6-500.9" in page  # rounded, the band would be empty
    before, after, removed = (
        soundfile.read(tmp_path / f"{n}.wav")[0] for n in ("before", "after", "removed")
    )
    # A second of context on either side, as far as there is some, and half a second of silence.
    assert before.size == after.size == (SR // 2 + 800 + SR) + SR // 2 + 2 * SR + SR // 2
    np.testing.assert_allclose(removed, before - after, atol=1e-7)
    assert json.loads((tmp_path / "report.json").read_text())["output"]["name"] == "y.wav"


def test_a_repair_of_both_channels_is_one_row_with_the_lower_expectation(
    tmp_path: Path, folder: Path
) -> None:
    x = 0.5 * np.sin(0.3 * np.arange(SR))
    x[4000:4040] = 0
    soundfile.write(tmp_path / "x.wav", np.stack([x, 0.5 * x], 1), SR, subtype="DOUBLE")
    done = repair_file(
        tmp_path / "x.wav", tmp_path / "y.wav", Region(0.5, 0.505), n_excerpts=4, rng=0
    )
    jobs = tuple(
        replace(job, expected_snr_db=snr, status=status)
        for job, snr, status in zip(done.jobs, (30.0, 20.0), ("done", "left as it is"), strict=True)
    )
    done = replace(done, jobs=jobs, excerpts=(replace(done.excerpts[0], jobs=jobs),))
    report = tmp_path / "report"
    report.mkdir()
    write_report(report, done, tmp_path / "y.wav", settings={}, command="spectramend repair x.wav")
    page = (report / "index.html").read_text("utf-8")
    cells = dict(re.findall(r'data-heading="([^"]*)">([^<]*)</t[dh]>', page))
    assert cells["Channel"] == "1, 2"
    assert cells["Expected SNR (dB)"] == "20.00"
    assert cells["Status"] == "done; left as it is"
    assert "Label" not in cells
    assert "1 repair, written to y.wav" in page
    assert "channels 1, 2" in page
    assert soundfile.info(report / "removed.wav").channels == 2
    view = json.loads(html.unescape(re.findall(r'data-view="([^"]*)"', page)[0]))
    assert view["channels"] == [1, 2]
    assert view["boxes"] == [[0.5, 0.505, 0, SR / 2]]
    assert view["time"] == [0, 1]


def test_a_view_holds_the_samples_around_the_repair(tmp_path: Path) -> None:
    x = np.random.default_rng(0).uniform(-0.5, 0.5, (3, 4 * SR))
    sounds = {"before": x, "after": 0.5 * x}
    view = write_view(
        tmp_path, "r", sounds, sr=SR, start=1000, repair=(9000, 9100), boxes=[(1, 2, 0, SR / 2)]
    )
    first, last = (round(t * SR) for t in view["detail"])
    assert (first, last) == (9000 - 160, 9100 + 160)
    lanes = view["waves"]["after"]
    assert len(lanes) == 2
    values = [np.frombuffer(base64.b64decode(lanes[1][k]), "<i2") / 32767 for k in lanes[1]]
    bins, detail = (v * np.abs(x).max() for v in values)
    np.testing.assert_allclose(detail, 0.5 * x[1, first - 1000 : last - 1000], atol=1e-4)
    assert bins.min() == pytest.approx(0.5 * x[1].min(), abs=1e-4)
    picture = imread(tmp_path / view["images"]["after"])
    _, _, low, high = view["extent"]
    assert (high + low) / 2 == pytest.approx(SR / 4)
    assert picture.shape[0] == 129
    assert picture.shape[1] <= 1501


def test_hidden_cells_are_repaired_in_all_of_it(tmp_path: Path, folder: Path) -> None:
    stft = STFT(64, 16)
    observed = np.ones((33, stft.n_frames(SR)), bool)
    observed[:20, 30] = False
    soundfile.write(tmp_path / "x.wav", 0.5 * np.sin(0.3 * np.arange(SR)), SR, subtype="DOUBLE")
    mask = Mask(observed, stft=stft)
    done = repair_file(tmp_path / "x.wav", tmp_path / "y.wav", mask, n_excerpts=4, rng=0)
    report = tmp_path / "report"
    report.mkdir()
    write_report(report, done, tmp_path / "y.wav", settings={}, command="spectramend repair x.wav")
    page = (report / "index.html").read_text("utf-8")
    assert "Repair 1: channel 1, all of it: missing" in page
    view = json.loads(html.unescape(re.findall(r'data-view="([^"]*)"', page)[0]))
    assert view["boxes"] == []
