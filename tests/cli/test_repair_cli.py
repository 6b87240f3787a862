"""repair, detect and evaluate on files: nothing but the damage changes."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from commands import Runner
from conftest import VOICES
from spectramend import Dictionary, Region, audio, repair
from spectramend.gaps import METHODS, Method
from spectramend.labels import read_regions, write_regions

SR = 16000
HOLE = slice(16000, 16320)  # 20 ms
BURST = Region(2.0, 2.3, 2000, 3000)


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds of a bundled voice with a dropout and a burst of noise in a band."""
    folder = tmp_path_factory.mktemp("damaged")
    clean = audio.read(VOICES / "item_02_MA.flac").samples[: 4 * SR]
    x = clean.copy()
    x[HOLE] = 0
    start, stop = BURST.samples(length=x.size, sr=SR)
    n = np.arange(stop - start)
    tones = sum(np.sin(2 * np.pi * f / SR * n + f) for f in range(2100, 2950, 50))
    x[start:stop] += 0.05 * np.hanning(n.size) * tones
    soundfile.write(folder / "clean.wav", clean, SR, subtype="PCM_16")
    soundfile.write(folder / "mono.wav", x, SR, subtype="PCM_16")
    soundfile.write(folder / "stereo.wav", np.stack([clean, x], axis=1), SR, subtype="PCM_24")
    soundfile.write(folder / "mono.mp3", x, SR)
    whole = (folder / "mono.wav").read_bytes()
    (folder / "truncated.wav").write_bytes(whole[: len(whole) - 20000])
    soundfile.write(folder / "short.wav", x[:3000], SR)
    nan = x.copy()
    nan[HOLE] = np.nan
    soundfile.write(folder / "nan.wav", nan, SR, subtype="FLOAT")
    (folder / "text.txt").write_text("no labels at all\n")
    voice = Dictionary.train([clean], sr=SR, n_components=2, max_iter=2, rng=0)
    voice.save(folder / "voice.safetensors")
    (folder / "channel.txt").write_text("1.0\t1.02\tgap [channel 1]\n")
    (folder / "points.txt").write_text("1.0\t1.0\tclick\n")
    (folder / "late.txt").write_text("100.0\t101.0\tcough\n")
    (folder / "typo.txt").write_text("1.5.0\t2.5\tcough\n")
    return folder


def samples(path: Path) -> NDArray[Any]:
    """Read whole numbers, one column a channel."""
    return soundfile.read(path, dtype="int32", always_2d=True)[0]


# What changes, and what does not


@pytest.mark.parametrize("damage", ["auto", "missing", "occluded"])
@pytest.mark.parametrize("band", ["", "@2k-3k"])
def test_only_the_region_changes(
    run: Runner, damaged: Path, tmp_path: Path, damage: str, band: str
) -> None:
    out = tmp_path / "out.wav"
    ended = run(
        "repair", damaged / "stereo.wav", "-o", out, "--region", f"2-2.3{band}", "--channel", 2,
        "--damage", damage,
    )  # fmt: skip
    assert ended.code == 0, ended.err
    before, after = samples(damaged / "stereo.wav"), samples(out)
    changed = before != after
    assert changed[2 * SR : round(2.3 * SR), 1].mean() > 0.9
    changed[2 * SR : round(2.3 * SR), 1] = False
    assert not changed.any()
    assert soundfile.info(out).subtype == "PCM_24"


def test_the_command_line_writes_what_the_library_computes(
    run: Runner, damaged: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.wav"
    code = run(
        "repair", damaged / "mono.wav", "-o", out, "--region", "1-1.02", "--region", str(BURST),
        "--subtype", "FLOAT", "--context", 1, "--seed", 3,
    ).code  # fmt: skip
    assert code == 0
    x = audio.read(damaged / "mono.wav").samples
    expected = repair(x, SR, [Region(1, 1.02), BURST], context_s=1, rng=3).samples
    np.testing.assert_array_equal(audio.read(out).samples, expected.astype(np.float32))


@pytest.mark.parametrize("method", METHODS)
def test_gaps_are_filled_by_the_method_that_is_named(
    run: Runner, damaged: Path, tmp_path: Path, method: Method
) -> None:
    out = tmp_path / "out.wav"
    ended = run(
        "repair", damaged / "mono.wav", "-o", out, "--region", "1-1.02", "--method", method,
        "--damage", "missing", "--subtype", "DOUBLE", "--context", 0.5, "--seed", 3,
    )  # fmt: skip
    assert ended.code == 0, ended.err
    x = audio.read(damaged / "mono.wav").samples
    options: dict[str, Any] = {"damage": "missing", "method": method, "context_s": 0.5}
    found = audio.read(out).samples
    np.testing.assert_array_equal(found, repair(x, SR, Region(1, 1.02), rng=3, **options).samples)
    clean = audio.read(damaged / "clean.wav").samples
    assert np.sum((found - clean)[HOLE] ** 2) < np.sum(clean[HOLE] ** 2)


def test_every_method_has_a_name_on_the_command_line(run: Runner) -> None:
    ended = run("repair", "--help")
    assert "|".join(METHODS) in "".join(ended.out.split())


def test_labels_of_all_programs_drive_the_same_repair(
    run: Runner, damaged: Path, tmp_path: Path
) -> None:
    results = []
    for name in ("a.txt", "a.selections.txt", "a.csv", "a.svl"):
        write_regions(tmp_path / name, [BURST], sr=SR)
        out = tmp_path / f"{name}.wav"
        code = run("repair", damaged / "mono.wav", "-o", out, "--labels", tmp_path / name).code
        assert code == 0
        results.append(out.read_bytes())
    assert len(set(results)) == 1
    assert results[0] != (damaged / "mono.wav").read_bytes()


def test_repairing_brings_the_recording_back(run: Runner, damaged: Path, tmp_path: Path) -> None:
    out, labels = tmp_path / "out.wav", tmp_path / "labels.txt"
    hole = Region(1, 1.02)
    write_regions(labels, [hole, BURST])
    assert run("repair", damaged / "mono.wav", "-o", out, "--labels", labels).code == 0
    scores = {}
    for name, file in (("damaged", damaged / "mono.wav"), ("repaired", out)):
        ended = run("evaluate", damaged / "clean.wav", file, "--labels", labels, "--json")
        assert ended.code == 0
        scores[name] = [r["snr_db"] for r in json.loads(ended.out)["regions"]]
    gains = np.subtract(scores["repaired"], scores["damaged"])
    assert (gains > [3, 10]).all(), gains
    table = run("evaluate", damaged / "clean.wav", out, "--labels", labels)
    assert "2-2.3@2000-3000" in table.out


def test_detect_finds_what_repair_then_fills(run: Runner, damaged: Path, tmp_path: Path) -> None:
    labels, out, direct = (tmp_path / n for n in ("labels.txt", "out.wav", "direct.wav"))
    ended = run("detect", damaged / "stereo.wav", "-o", labels, "--json", "--kind", "dropout")
    assert ended.code == 0
    (found,) = json.loads(ended.out)["regions"]
    assert (found["channel"], found["label"]) == (2, "dropout")
    (region,) = read_regions(labels)
    assert region.channel == 2
    start, stop = region.samples(length=4 * SR, sr=SR)
    assert abs(start - HOLE.start) <= 2
    assert abs(stop - HOLE.stop) <= 2
    assert run("repair", damaged / "stereo.wav", "-o", out, "--labels", labels).code == 0
    assert run("repair", damaged / "stereo.wav", "-o", direct, "--detect").code == 0
    assert out.read_bytes() == direct.read_bytes()
    assert (samples(out)[:, 0] == samples(damaged / "stereo.wav")[:, 0]).all()


def test_detect_on_clean_sound_writes_no_labels(run: Runner, damaged: Path, tmp_path: Path) -> None:
    labels, out = tmp_path / "labels.txt", tmp_path / "out.wav"
    ended = run("detect", damaged / "clean.wav", "-o", labels)
    assert ended.code == 0
    assert ended.err.endswith("no damage found.\n")
    assert labels.read_text() == ""
    assert run("repair", damaged / "clean.wav", "-o", out, "--detect").code == 0
    assert out.read_bytes() == (damaged / "clean.wav").read_bytes()


def test_thresholds_of_detect_are_honoured(run: Runner, damaged: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    ended = run(
        "detect",
        damaged / "mono.wav",
        "-o",
        labels,
        "--dropout-ms",
        50,
        "--kind",
        "dropout",
        "--json",
    )
    facts = json.loads(ended.out)
    assert facts["regions"] == []
    assert facts["thresholds"]["dropout_ms"] == 50


def test_a_missing_region_may_be_nan(run: Runner, damaged: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.wav"
    ended = run("repair", damaged / "nan.wav", "-o", out, "--region", "1-1.02")
    assert ended.code == 0
    assert "missing (100 % not finite)" in ended.err
    y = soundfile.read(out)[0]
    assert np.isfinite(y).all()
    (again,) = (tmp_path / "again.wav",)
    assert run("repair", damaged / "nan.wav", "-o", again, "--detect").code == 0
    assert np.isfinite(soundfile.read(again)[0]).all()


# Files


def test_a_recording_may_be_repaired_in_its_own_place(
    run: Runner, damaged: Path, tmp_path: Path
) -> None:
    file = tmp_path / "a.wav"
    file.write_bytes((damaged / "mono.wav").read_bytes())
    assert run("repair", file, "-o", file, "--region", "1-1.02").code == 1
    assert file.read_bytes() == (damaged / "mono.wav").read_bytes()
    assert run("repair", file, "-o", file, "--region", "1-1.02", "--overwrite").code == 0
    changed = (samples(file) != samples(damaged / "mono.wav"))[:, 0]
    assert 300 < changed.sum() <= 320
    assert changed[HOLE].sum() == changed.sum()


def test_lossy_recordings_go_to_lossless_files_unless_asked(
    run: Runner, damaged: Path, tmp_path: Path
) -> None:
    ended = run("repair", damaged / "mono.mp3", "-o", tmp_path / "a.wav", "--region", "1-1.02")
    assert ended.code == 0
    assert "its coding is lossy" in ended.err
    assert soundfile.info(tmp_path / "a.wav").subtype == "FLOAT"
    refused = run("repair", damaged / "mono.mp3", "-o", tmp_path / "a.mp3", "--region", "1-1.02")
    assert refused.code == 1
    assert "would change every sample" in refused.err
    asked = run(
        "repair", damaged / "mono.mp3", "-o", tmp_path / "a.mp3", "--region", "1-1.02", "--lossy"
    )
    assert asked.code == 0
    assert soundfile.info(tmp_path / "a.mp3").format == "MP3"


def test_what_is_there_of_a_truncated_recording_is_repaired_when_asked(
    run: Runner, damaged: Path, tmp_path: Path
) -> None:
    arguments = [
        "repair",
        damaged / "truncated.wav",
        "-o",
        tmp_path / "a.wav",
        "--region",
        "1-1.02",
    ]
    assert "truncated" in run(*arguments).err
    assert not (tmp_path / "a.wav").exists()
    assert run(*arguments, "--salvage").code == 0
    assert audio.read(tmp_path / "a.wav").samples.size == 4 * SR - 10000


def test_repaired_samples_over_full_scale_are_limited_and_counted(
    run: Runner, damaged: Path, tmp_path: Path
) -> None:
    t = np.arange(2 * SR) / SR
    x = np.clip(1.2 * np.sin(2 * np.pi * 300 * t), -1, 1 - 2**-15)
    soundfile.write(tmp_path / "hot.wav", x, SR, subtype="PCM_16")
    out = tmp_path / "out.wav"
    words = ["--detect", "--damage", "missing"]
    ended = run("repair", tmp_path / "hot.wav", "-o", out, *words)
    assert ended.code == 0
    assert "go over full scale and were limited; --subtype FLOAT keeps them" in ended.err
    words += ["--subtype", "FLOAT"]
    ended = run("repair", tmp_path / "hot.wav", "-o", tmp_path / "f.wav", *words)
    assert ended.code == 0
    y = soundfile.read(tmp_path / "f.wav")[0]
    assert 1.05 < np.abs(y[SR // 4 : -SR // 4]).max() < 1.25


def test_stdin_and_stdout(damaged: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "spectramend", "repair", "-", "-o", "-", "--region", "1-1.02"]
    whole = (damaged / "mono.wav").read_bytes()
    ended = subprocess.run([*command, "--quiet"], input=whole, capture_output=True, check=True)
    assert ended.stderr == b""
    x = soundfile.read(io.BytesIO(whole), dtype="int16")[0]
    y = soundfile.read(io.BytesIO(ended.stdout), dtype="int16")[0]
    changed = x != y
    assert 300 < changed.sum() <= 320
    assert changed[HOLE].sum() == changed.sum()
    detect = [sys.executable, "-m", "spectramend", "detect", "-", "-o", "-", "--quiet"]
    labels = subprocess.run(detect, input=whole, capture_output=True, check=True).stdout
    assert labels.decode().split()[2] == "dropout"


@pytest.mark.slow
def test_killing_leaves_the_old_file(damaged: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.wav"
    old = (damaged / "mono.wav").read_bytes()
    file.write_bytes(old)
    for seconds in (0.3, 0.6, 0.9, 1.2):
        started = subprocess.Popen(
            [sys.executable, "-m", "spectramend", "repair", str(file), "-o", str(file),
             "--overwrite", "--region", "1-1.02", "--region", "2-2.3@2k-3k", "--quiet"],
        )  # fmt: skip
        time.sleep(seconds)
        started.send_signal(signal.SIGKILL)
        started.wait()
        content = file.read_bytes()
        assert len(content) == len(old)
        different = np.flatnonzero(np.frombuffer(content, "i2") != np.frombuffer(old, "i2"))
        assert not different.size or different.size > 4000  # all of it, or nothing
        file.write_bytes(old)


def test_json_says_model_frame_and_order(run: Runner, damaged: Path, tmp_path: Path) -> None:
    ended = run("repair", damaged / "stereo.wav", "-o", tmp_path / "a.wav", "--json", "--region",
                "1-1.02", "--region", "2-2.3@2k-3k", "--channel", 2)  # fmt: skip
    gap, event = json.loads(ended.out)["jobs"]
    assert (gap["channel"], gap["model"], gap["n_fft"], gap["order"]) == (2, "ar", None, 1024)
    assert (event["channel"], event["model"], event["order"]) == (2, "semisupervised_nmf", None)
    assert "channel 2, 1-1.02: missing (100 % digital silence), autoregression" in ended.err


# The report


def test_a_report_says_what_was_done(run: Runner, damaged: Path, tmp_path: Path) -> None:
    out, folder = tmp_path / "out.wav", tmp_path / "report"
    ended = run(
        "repair", damaged / "mono.wav", "-o", out, "--region", "1-1.02", "--region",
        "2-2.3@2k-3k", "--report", folder, "--seed", 5,
    )  # fmt: skip
    assert ended.code == 0, ended.err
    names = sorted(path.name for path in folder.iterdir())
    assert [name for name in names if name.count("_") < 2] == [
        "after.wav", "before.wav", "index.html", "removed.wav", "repair_01.png", "repair_02.png",
        "report.json",
    ]  # fmt: skip
    facts = json.loads((folder / "report.json").read_text())
    assert [
        (j["channel"], j["damage"], j["model"], j["n_fft"], j["order"]) for j in facts["jobs"]
    ] == [(1, "missing", "ar", None, 1024), (1, "occluded", "semisupervised_nmf", 1024, None)]
    assert facts["settings"]["seed"] == 5
    assert facts["input"]["sha256"] != facts["output"]["sha256"]
    assert {"numpy", "python"} <= set(facts["versions"])
    page = (folder / "index.html").read_text("utf-8")
    assert "100 % digital silence" in page
    assert "--region 2-2.3@2k-3k" in page
    assert "autoregression, order 1024" in page
    assert "semi-supervised NMF, frames of 1024" in page
    before, after = (audio.read(folder / f"{n}.wav").samples for n in ("before", "after"))
    assert before.size == after.size
    assert 0.02 < np.mean(before != after) < 0.12
    again = run("repair", damaged / "mono.wav", "-o", out, "--region", "1-1.02", "--report",
                folder, "--overwrite")  # fmt: skip
    assert again.code == 0
    assert not (folder / "repair_02.png").exists()


def test_the_command_of_a_report_does_the_same_again(
    run: Runner, damaged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shlex

    monkeypatch.chdir(tmp_path)
    first = [
        "repair", str(damaged / "stereo.wav"), "-o", "a.wav", "--region", "2-2.3@2k-3k",
        "--channel", "2", "--damage", "occluded", "--report", "r", "--n-fft", "512",
    ]  # fmt: skip
    assert run(*first).code == 0
    page = (tmp_path / "r" / "index.html").read_text("utf-8")
    line = page.split("<code>")[1].split("</code>")[0]
    words = shlex.split(line)[1:]
    old = (tmp_path / "a.wav").read_bytes()
    assert run(*words, "--overwrite").code == 0
    assert (tmp_path / "a.wav").read_bytes() == old


# What is refused

MONO = ["repair", "IN/mono.wav", "-o", "OUT/out.wav"]
BAD_INPUT: list[tuple[list[str], str]] = [
    ([*MONO, "--region", "3-2"], "ends before it starts"),
    ([*MONO, "--region", "2-2"], "holds no sample"),
    ([*MONO, "--region", "nan-2"], "give T0-T1 in seconds"),
    ([*MONO, "--region", "5-6"], "lies outside the recording, which has 4.000 s"),
    ([*MONO, "--region", "3-5"], "lies outside the recording"),
    ([*MONO, "--region", "1-2@9k-10k"], "lies above 8000 Hz"),
    ([*MONO, "--region", "1-2@3k-2k"], "highest frequency is not above"),
    ([*MONO, "--region", "-"], "nothing intact is around it"),
    ([*MONO, "--region", "1-2", "--channel", "2"], "names channel 2, the recording has 1"),
    ([*MONO, "--region", "1-2", "--context", "0"], "context_s=0.0"),
    ([*MONO, "--region", "1-2", "--n-fft", "1"], "n_fft=1"),
    ([*MONO, "--region", "1-2", "--subtype", "PCM_99"], "PCM_99"),
    ([*MONO, "--labels", "IN/text.txt"], "text.txt"),
    ([*MONO, "--labels", "IN/points.txt"], "holds points only"),
    ([*MONO, "--labels", "IN/late.txt"], "late.txt: region 100-101: lies outside the recording"),
    ([*MONO, "--labels", "IN/typo.txt"], "typo.txt: line 1"),
    ([*MONO, "--labels", "IN/absent.txt"], "no such file"),
    (["repair", "IN/nan.wav", "-o", "OUT/out.wav", "--region", "1.1-1.2"], "NaN or infinite"),
    (["repair", "IN/absent.wav", "-o", "OUT/a.wav", "--region", "1-2"], "no such file"),
    (["repair", "IN/mono.wav", "-o", "OUT/no/a.wav", "--region", "1-2"], "does not exist"),
    (["repair", "IN/mono.wav", "-o", "OUT/a.xyz", "--region", "1-2"], "no extension of"),
    ([*MONO, "--region", "1-1.1", "--report", "IN"], "holds other files"),
    (["detect", "IN/mono.wav", "-o", "OUT/a.xyz"], "no format has this ending"),
    (["detect", "IN/mono.wav", "-o", "OUT/a.txt", "--dropout-ms", "-1"], "dropout_ms"),
    (["detect", "IN/mono.wav", "-o", "OUT/a.txt", "--clip-tolerance", "-1"], "clip_tolerance_db"),
    (["detect", "IN/text.txt", "-o", "OUT/a.txt"], "cannot be read as audio"),
    (["experiment", "occlusion", "--data", "OUT"], "no such folder: give one with speech"),
    (["experiment", "everyday", "--data", "OUT"], "no such folder: give one with speech and music"),
    (["experiment", "everyday", "--data", "OUT", "--kinds", "gsm,fog"], "'fog' is unknown: choose"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD_INPUT)
def test_bad_input_gets_one_line_and_writes_nothing(
    run: Runner, damaged: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    ended = run(*(a.replace("IN", str(damaged)).replace("OUT", str(tmp_path)) for a in arguments))
    assert ended.code == 1
    assert ended.out == ""
    assert message in ended.err
    last = ended.err.splitlines()[-1]
    assert last.startswith("spectramend: error: ")
    assert ended.err.count("spectramend: error: ") == 1
    assert not list(tmp_path.iterdir())


GAP = ["--region", "1-1.02"]
MISSING, OCCLUDED = (["--damage", damage] for damage in ("missing", "occluded"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "by one of --region, --labels, --mask, --detect"),
        ([*GAP, "--detect"], "by one of --region, --labels, --mask, --detect"),
        ([*GAP, "--method", "magic"], "'--method': 'magic' is not one of"),
        ([*GAP, "--keep-reliable"], "--keep-reliable: goes with a mask; leave it out with regions"),
        (["--mask", "m.npz", "--channel", "1"], "--channel goes with regions"),
        (["--mask", "m.npz", "--method", "ar"], "--method: goes with regions; leave it out with"),
        (["--mask", "m.npz", "--context", "2"], "--context: goes with regions; leave it out with"),
        ([*GAP, *OCCLUDED, "--method", "ar"], "--method: fills gaps, and damage='occluded' has"),
        ([*GAP, *MISSING, "--dictionary", "IN/voice.safetensors"], "--dictionary: goes with occlu"),
        (
            [*GAP, "--dictionary", "IN/voice.safetensors"],
            "--dictionary: goes with occluded regions",
        ),
        ([*GAP, "--n-fft", "512"], "--n-fft and --hop-length: all regions are gaps"),
        ([*GAP, "--hop-length", "64"], "--n-fft and --hop-length: all regions are gaps"),
        (["--region", str(BURST), "--method", "ar"], "--method: fills gaps, and no region is"),
        (["--labels", "IN/channel.txt", "--channel", "1"], "--channel is for regions that name no"),
    ],
)
def test_wrong_usage_exits_with_2_and_names_the_flag(
    run: Runner, damaged: Path, arguments: list[str], message: str
) -> None:
    given = [argument.replace("IN", str(damaged)) for argument in arguments]
    ended = run("repair", damaged / "mono.wav", "-o", "x.wav", *given)
    assert ended.code == 2
    assert message in ended.err.splitlines()[-1]
    assert not Path("x.wav").exists()


def test_a_band_above_the_highest_frequency_is_cut_with_a_warning(
    run: Runner, damaged: Path, tmp_path: Path
) -> None:
    ended = run(
        "repair", damaged / "mono.wav", "-o", tmp_path / "a.wav", "--region", "2-2.1@7k-20k"
    )
    assert ended.code == 0
    assert "is cut at 8000 Hz" in ended.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_refused(
    run: Runner, damaged: Path, tmp_path: Path
) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    ended = run(
        "repair", damaged / "mono.wav", "-o", tmp_path / "locked" / "a.wav", "--region", "1-1.02"
    )
    assert ended.code == 1
    assert "is not writable" in ended.err
