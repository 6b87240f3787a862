"""The command line: the same results as the library, errors of one line, nothing half-written."""

from __future__ import annotations

import html
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from commands import Runner
from conftest import VOICES
from spectramend import Dictionary, Mask, audio, repair
from spectramend.cli import base
from spectramend.core.stft import STFT
from spectramend.experiments import thiemann2015, voices
from spectramend.experiments._common.results import Result
from spectramend.inpainting.mask_estimation import estimate_mask

SR = 16000


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of each bundled voice, their mix, and all that can be wrong with a recording."""
    folder = tmp_path_factory.mktemp("sounds")
    excerpts = {
        "target": "item_01_MA", "interferer": "item_01_ML", "clean": "item_02_MA",
    }  # fmt: skip
    samples = {
        name: audio.read(VOICES / f"{stem}.flac").samples[SR : 3 * SR]
        for name, stem in excerpts.items()
    }
    samples["mix"] = samples["target"] + samples["interferer"]
    for name, x in samples.items():
        audio.write(folder / f"{name}.wav", x, SR)
    stereo = np.stack([samples["mix"], samples["target"]])
    audio.write(folder / "stereo.wav", stereo, SR, subtype="PCM_16")
    audio.write(folder / "half_rate.wav", samples["mix"][::2], SR // 2)
    audio.write(folder / "short.wav", samples["mix"][:500], SR)
    audio.write(folder / "silence.wav", np.zeros(SR), SR)
    soundfile.write(folder / "nan.wav", np.full(SR, np.nan), SR, subtype="FLOAT")
    soundfile.write(folder / "no_samples.wav", np.zeros(0), SR)
    (folder / "empty.wav").touch()
    (folder / "text.wav").write_text("this is not audio\n")
    whole = (folder / "mix.wav").read_bytes()
    (folder / "truncated.wav").write_bytes(whole[: len(whole) // 2])
    flac = (VOICES / "item_01_MA.flac").read_bytes()
    (folder / "truncated.flac").write_bytes(flac[: len(flac) // 2])
    stft = STFT()
    n_frames = stft.n_frames(2 * SR)
    Mask(np.ones((513, 9), bool), stft=stft, sr=SR).save(folder / "other_shape.npz")
    Mask(np.zeros((513, n_frames), bool), stft=stft, sr=SR).save(folder / "hides_all.npz")
    T, N = (stft.forward(samples[name]) for name in ("target", "interferer"))
    Mask.ideal(T, N, floor_db=60, stft=stft, sr=SR).save(folder / "mask.npz")
    for name, sound, sr, transform in (
        ("voice", "clean", SR, stft),
        ("other", "interferer", SR, stft),
        ("voice_8k", "clean", SR // 2, stft),
        ("voice_512", "clean", SR, STFT(512, 128)),
    ):
        voice = Dictionary.train([samples[sound]], sr=sr, stft=transform, n_components=20, rng=0)
        voice.save(folder / f"{name}.safetensors")
    return folder


@pytest.mark.slow
def test_the_commands_of_the_page_run_as_they_stand(
    run: Runner, bundled_output: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "demo"
    shutil.copytree(bundled_output, folder)
    monkeypatch.chdir(folder)
    page = html.unescape((folder / "index.html").read_text("utf-8"))
    first, *lines = page.split("<code>")[1].split("</code>")[0].splitlines()
    assert first == "spectramend demo"
    for line in lines:
        name, *words = shlex.split(line)
        assert name == "spectramend"
        ended = run(*words)
        assert ended.code == 0, ended.err
    assert "repaired.wav" in ended.out  # of evaluate
    np.testing.assert_array_equal(
        audio.read(folder / "repaired.wav").samples, audio.read(folder / "spectramend.wav").samples
    )


def test_train_equals_the_library_and_keeps_provenance(
    run: Runner, sounds: Path, tmp_path: Path
) -> None:
    out = tmp_path / "voice.safetensors"
    options = ["--atoms", 7, "--n-fft", 512, "--beta", 1, "--seed", 3]
    assert run("train", sounds / "clean.wav", "-o", out, *options).code == 0
    voice = Dictionary.load(out)
    clean = audio.read(sounds / "clean.wav")
    expected = Dictionary.train(
        [clean.samples], sr=SR, stft=STFT(512, 128), n_components=7, beta=1.0, rng=3
    )
    np.testing.assert_array_equal(voice.W, expected.W)
    assert voice.sources == (clean.source,)
    assert voice.beta == 1


def test_repair_equals_the_library_for_stereo_and_keeps_the_coding(
    run: Runner, sounds: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.wav"
    ended = run("repair", sounds / "stereo.wav", "--mask", sounds / "mask.npz", "-o", out, "--json")
    assert ended.code == 0
    facts = json.loads(ended.out)
    assert [job["status"] for job in facts["jobs"]] == ["fit max_iter."] * 2
    assert [job["channel"] for job in facts["jobs"]] == [1, 2]
    written = audio.read(out)
    assert written.subtype == "PCM_16"
    mix = audio.read(sounds / "stereo.wav")
    expected = repair(mix.samples, SR, Mask.load(sounds / "mask.npz"), rng=0).samples
    np.testing.assert_allclose(written.samples, expected, atol=2**-15)


def test_repair_keeps_reliable_cells_on_demand(run: Runner, sounds: Path, tmp_path: Path) -> None:
    common = ["repair", sounds / "mix.wav", "--mask", sounds / "mask.npz", "-o"]
    assert run(*common, tmp_path / "a.wav").code == 0
    assert run(*common, tmp_path / "b.wav", "--keep-reliable").code == 0
    mix = audio.read(sounds / "mix.wav").samples
    expected = repair(mix, SR, Mask.load(sounds / "mask.npz"), keep_reliable=True, rng=0).samples
    a, b = (audio.read(tmp_path / f"{name}.wav").samples for name in "ab")
    np.testing.assert_allclose(b, expected, atol=1e-6)
    assert not np.array_equal(a, b)


def test_repair_reads_a_picture(run: Runner, sounds: Path, tmp_path: Path) -> None:
    from matplotlib.image import imsave

    picture = np.ones((513, STFT().n_frames(2 * SR)))
    picture[100:200, 40:50] = 0
    imsave(tmp_path / "mask.png", picture[::-1], cmap="gray")
    common = ["repair", sounds / "mix.wav", "--mask", tmp_path / "mask.png", "-o"]
    assert "give the damage" in run(*common, tmp_path / "a.wav").err
    assert run(*common, tmp_path / "a.wav", "--damage", "missing").code == 0
    before, after = (audio.read(p).samples for p in (sounds / "mix.wav", tmp_path / "a.wav"))
    touched = slice(40 * 256 - 512, 49 * 256 + 512)
    assert not np.array_equal(after[touched], before[touched])
    after[touched] = before[touched]
    np.testing.assert_array_equal(after, before)


@pytest.mark.parametrize("others", [[], ["other", "voice"]])
def test_mask_estimate_equals_the_library_and_fits_repair(
    run: Runner, sounds: Path, tmp_path: Path, others: list[str]
) -> None:
    voices = [sounds / f"{name}.safetensors" for name in ("voice", "other")]
    interferers = [sounds / f"{name}.safetensors" for name in others]
    options = [word for path in voices for word in ("--target", path)]
    options += [word for path in interferers for word in ("--interferer", path)]
    out = tmp_path / "mask.npz"
    ended = run("mask", "estimate", sounds / "mix.wav", *options, "--seed", 3, "-o", out)
    assert ended.code == 0
    assert "% of (513, 126) cells reliable" in ended.err
    X = STFT().forward(audio.read(sounds / "mix.wav").samples)
    expected = estimate_mask(
        X,
        target=[Dictionary.load(path) for path in voices],
        interferer=[Dictionary.load(path) for path in interferers] or None,
        stft=STFT(),
        sr=SR,
        rng=3,
    )
    mask = Mask.load(out)
    np.testing.assert_array_equal(mask.observed, expected.observed)
    assert (mask.damage, mask.ratio, mask.stft, mask.sr) == (
        "occluded", expected.ratio, STFT(), SR,
    )  # fmt: skip
    repaired = run(
        "repair", sounds / "mix.wav", "--mask", out, "--dictionary", voices[0],
        "-o", tmp_path / "out.wav",
    )  # fmt: skip
    assert repaired.code == 0


@pytest.mark.slow
def test_experiment_voices_prints_and_writes_its_tables(
    run: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    speech = np.concatenate(
        [audio.read(VOICES / f"{stem}.flac").samples for stem in thiemann2015.TRAINING]
    )
    for voice, start in (("a", 0), ("b", 3 * SR), ("few", 0)):
        (tmp_path / "data" / voice).mkdir(parents=True)
        for number in range(2 if voice == "few" else 4):
            piece = speech[start + number * SR // 2 :][:SR]
            audio.write(tmp_path / "data" / voice / f"{number}.wav", piece, SR)
    everything = voices.run
    monkeypatch.setattr(
        voices,
        "run",
        lambda *args, **options: everything(*args, conditions=["mix", "spectramend"], **options),
    )
    common = ["experiment", "voices", "--data", tmp_path / "data"]
    ended = run(*common, "--json", "-o", tmp_path / "out")
    printed = json.loads(ended.out)
    assert list(printed) == ["experiment", "settings", "rows", "items"]
    assert [(item["target"], item["interferer"]) for item in printed["items"][::2]] == [
        ("a", "b"), ("b", "a"),
    ]  # fmt: skip
    assert "few: skipped: 2 recordings" in ended.err
    assert "[2/6] a under b: mix" in ended.err
    assert json.loads((tmp_path / "out" / "metrics.json").read_text("utf-8")) == printed
    assert "mix" in run(*common).out
    assert run(*common, "-o", tmp_path / "out").code == 1  # it exists


def test_evaluate_prints_what_the_library_says(run: Runner, sounds: Path) -> None:
    from spectramend import evaluate

    ended = run("evaluate", sounds / "target.wav", sounds / "mix.wav", "--json")
    x, y = (audio.read(sounds / f"{name}.wav").samples for name in ("target", "mix"))
    assert json.loads(ended.out) == pytest.approx(evaluate(x, y, sr=SR))
    printed = run("evaluate", sounds / "target.wav", sounds / "mix.wav").out
    assert "SI-SDR (dB)\N{NO-BREAK SPACE}↑" in printed
    assert "↑ higher is better" in printed


def test_evaluate_compares_several(run: Runner, sounds: Path) -> None:
    files = [sounds / f"{name}.wav" for name in ("target", "mix", "target")]
    ended = run("evaluate", *files, "--json")
    mix, same = json.loads(ended.out)
    assert [mix["estimate"], same["estimate"]] == [str(file) for file in files[1:]]
    assert same["stoi"] == pytest.approx(1, abs=1e-6)
    assert same["snr_db"] is None  # infinite, which JSON does not have
    alone = json.loads(run("evaluate", *files[:2], "--json").out)
    assert {key: mix[key] for key in mix if key != "estimate"} == pytest.approx(alone)
    printed = run("evaluate", *files).out
    assert printed.count("target.wav") == 1
    assert printed.count("mix.wav") == 1
    assert "\N{INFINITY}" in printed


@pytest.mark.slow
def test_demo_writes_its_folder_prints_its_table_and_works_twice(
    run: Runner,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    bundled_result: Result,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(thiemann2015, "run", lambda *args, **options: bundled_result)
    for _ in range(2):
        ended = run("demo")
        assert ended.code == 0
        assert all(name in ended.out for name in thiemann2015.CONDITIONS)
        assert str(tmp_path / "spectramend-demo" / "index.html") in ended.err
        page = (tmp_path / "spectramend-demo" / "index.html").read_text("utf-8")
        assert "--seed 0 -o spectramend-demo\ncd spectramend-demo\nspectramend train" in page
    assert [path.name for path in tmp_path.iterdir()] == ["spectramend-demo"]


def test_the_page_says_where_a_program_is_that_the_shell_does_not_find(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from spectramend.cli.experiments import _path_commands

    programs = tmp_path / "a b" / "bin"
    programs.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "executable", str(programs / "python"))
    monkeypatch.setenv("PATH", "")
    assert _path_commands() == []  # there is no such program
    (programs / "spectramend").write_text("#!/bin/sh\n")
    (programs / "spectramend").chmod(0o755)
    assert _path_commands() == ['PATH="$PWD/a b/bin:$PATH"']
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert _path_commands() == [f"PATH='{programs}':$PATH"]
    monkeypatch.setenv("PATH", str(programs))
    assert _path_commands() == []


def test_demo_leaves_a_folder_alone_that_is_not_its_own(run: Runner, tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    ended = run("demo", "-o", tmp_path)
    assert ended.code == 1
    assert "holds other files" in ended.err
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]


@pytest.mark.slow
def test_json_of_the_experiment_is_all_that_stdout_gets(
    run: Runner, monkeypatch: pytest.MonkeyPatch, bundled_result: Result
) -> None:
    monkeypatch.setattr(thiemann2015, "run", lambda *args, **options: bundled_result)
    ended = run("experiment", "thiemann2015", "--data", VOICES, "--mask", "exact", "--json")
    printed = json.loads(ended.out)
    assert list(printed) == ["experiment", "settings", "rows", "items"]
    assert printed["settings"]["mask"] == "exact"
    assert len(printed["rows"]) == len(printed["items"]) == 8


def test_metrics_that_cannot_be_taken_are_explained(
    run: Runner, sounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "spectramend.evaluation.metrics._is_installed", lambda package: package != "pesq"
    )
    ended = run("evaluate", sounds / "target.wav", sounds / "mix.wav", "--json")
    assert json.loads(ended.out)["pesq_wb"] is None
    assert "it needs a C compiler" in ended.err


TRAIN = ["train", "-o", "OUT/voice.safetensors"]
REPAIR = ["repair", "-o", "OUT/out.wav", "IN/mix.wav"]
WITH_MASK = ["repair", "-o", "OUT/out.wav", "--mask", "IN/mask.npz"]
IDEAL = ["mask", "ideal", "-o", "OUT/mask.npz"]
ESTIMATE = ["mask", "estimate", "-o", "OUT/mask.npz"]
TARGET = ["--target", "IN/voice.safetensors"]
TARGET_8K = ["--target", "IN/voice_8k.safetensors"]
BAD_INPUT = [
    ([*TRAIN, "IN/absent.wav"], "absent.wav: no such file"),
    ([*TRAIN, "IN"], "is a directory; name a file"),
    ([*TRAIN, "IN/empty.wav"], "empty.wav: is empty"),
    ([*TRAIN, "IN/truncated.wav"], "truncated.wav: is truncated"),
    ([*TRAIN, "IN/truncated.flac"], "truncated.flac"),
    ([*TRAIN, "IN/text.wav"], "text.wav: cannot be read as audio"),
    ([*TRAIN, "IN/no_samples.wav"], "no_samples.wav: has no samples"),
    ([*TRAIN, "IN/nan.wav"], "nan.wav: has 16000 NaN or infinite samples"),
    ([*TRAIN, "IN/silence.wav"], "is digital silence: nothing to learn from"),
    ([*TRAIN, "IN/short.wav"], "shorter than a frame"),
    ([*TRAIN, "IN/clean.wav", "IN/half_rate.wav"], "has 8000 Hz"),
    ([*TRAIN, "IN/clean.wav", "--hop-length", "2000"], "hop_length=2000 is longer than n_fft=1024"),
    ([*TRAIN, "IN/clean.wav", "--atoms", "100000"], "n_components=100000"),
    (["train", "IN/clean.wav", "-o", "OUT/absent/v.safetensors"], "does not exist; create it"),
    (["train", "IN/clean.wav", "-o", "IN/voice.safetensors"], "exists; choose another name"),
    ([*IDEAL, "IN/target.wav", "IN/half_rate.wav"], "has 8000 Hz"),
    ([*IDEAL, "IN/stereo.wav", "IN/target.wav"], "has 2 channels"),
    ([*IDEAL, "IN/short.wav", "IN/short.wav"], "shorter than a frame"),
    ([*IDEAL, "IN/target.wav", "IN/interferer.wav", "--gain", "0"], "gain=0.0: give a positive"),
    (["mask", "ideal", "IN/target.wav", "IN/interferer.wav", "-o", "OUT/m.txt"], "ends in .npz"),
    ([*ESTIMATE, "IN/mix.wav", *TARGET_8K], "target: the dictionary was made at 8000 Hz"),
    (
        [*ESTIMATE, "IN/mix.wav", *TARGET, "--interferer", "IN/voice_512.safetensors"],
        "interferer: the dictionary was made with n_fft=512",
    ),
    ([*ESTIMATE, "IN/half_rate.wav", *TARGET], "at 16000 Hz, the recording has 8000 Hz"),
    ([*ESTIMATE, "IN/stereo.wav", *TARGET], "has 2 channels"),
    ([*ESTIMATE, "IN/short.wav", *TARGET], "shorter than a frame"),
    ([*ESTIMATE, "IN/mix.wav", "--target", "IN/mix.wav"], "not a dictionary"),
    ([*ESTIMATE, "IN/mix.wav", *TARGET, *TARGET, "--interferer", TARGET[1]], "give as many"),
    ([*REPAIR, "--mask", "IN/other_shape.npz"], "(513, 9) (frequencies, frames)"),
    ([*REPAIR, "--mask", "IN/hides_all.npz"], "the mask hides everything"),
    ([*REPAIR, "--mask", "IN/text.wav"], "not a mask file; give .npz, .npy or .png"),
    ([*REPAIR, "--mask", "IN/mask.npz", "--n-fft", "512"], "was made with"),
    ([*REPAIR, "--mask", "IN/mask.npz", "--dictionary", "IN/voice_8k.safetensors"], "at 8000 Hz"),
    ([*REPAIR, "--mask", "IN/mask.npz", "--dictionary", "IN/mix.wav"], "not a dictionary"),
    ([*WITH_MASK, "IN/half_rate.wav"], "was made at 16000 Hz, not at 8000 Hz"),
    ([*WITH_MASK, "IN/short.wav"], "shorter than a frame"),
    ([*WITH_MASK, "IN/nan.wav"], "nan.wav: has NaN or infinite samples"),
    (["repair", "IN/mix.wav", "--mask", "IN/mask.npz", "-o", "OUT/out.xyz"], "no extension of"),
    (["repair", "IN/mix.wav", "--mask", "IN/mask.npz", "-o", "OUT"], "is a directory"),
    (["repair", "IN/mix.wav", "--mask", "IN/mask.npz", "-o", "IN/mix.wav"], "exists; choose"),
    (["evaluate", "IN/target.wav", "IN/short.wav"], "short.wav: has"),
    (["evaluate", "IN/silence.wav", "IN/silence.wav"], "reference is silent"),
    (["experiment", "thiemann2015", "--data", "OUT"], "has no item_01_MA.wav"),
    (["experiment", "voices", "--data", "OUT/absent"], "absent: no such folder of voices"),
    (["experiment", "voices", "--data", "OUT"], "has 0 voices; give at least 2 folders"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD_INPUT)
def test_bad_input_gets_one_line_and_writes_nothing(
    run: Runner, sounds: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    before = {path: path.read_bytes() for path in sounds.iterdir()}
    ended = run(*(a.replace("IN", str(sounds)).replace("OUT", str(tmp_path)) for a in arguments))
    assert ended.code == 1
    assert ended.out == ""
    assert ended.err.startswith("spectramend: error: ")
    assert message in ended.err
    assert ended.err.count("\n") == 1
    assert not list(tmp_path.iterdir())
    assert {path: path.read_bytes() for path in sounds.iterdir()} == before


@pytest.mark.parametrize(
    "arguments", [["nothing"], ["train"], ["train", "a.wav"], ["demo", "--threads", "0"]]
)
def test_wrong_usage_exits_with_2(run: Runner, arguments: list[str]) -> None:
    assert run(*arguments).code == 2


@pytest.mark.parametrize(
    "words",
    [[], ["demo"], ["train"], ["mask", "ideal"], ["mask", "estimate"], ["repair"], ["detect"],
     ["evaluate"], ["experiment", "thiemann2015"], ["experiment", "voices"],
     ["experiment", "occlusion"], ["experiment", "everyday"], ["experiment", "gaps"],
     ["experiment", "columns"], ["experiment", "declipping"], ["experiment", "dequantization"],
     ["declip"], ["dequantize"]],
)  # fmt: skip
def test_every_command_has_help_and_version(run: Runner, words: list[str]) -> None:
    ended = run(*words, "--help")
    assert ended.code == 0
    if words:
        assert all(option in ended.out for option in ("--threads", "--quiet", "--debug"))
    assert "0.1.0" in run(*words, "--version").out


def test_debug_shows_where_an_error_comes_from(run: Runner) -> None:
    with pytest.raises(Exception, match="no such file"):
        run("train", "absent.wav", "-o", "x.safetensors", "--debug")


def test_quiet_prints_nothing_and_overwrite_replaces(
    run: Runner, sounds: Path, tmp_path: Path
) -> None:
    out = tmp_path / "voice.safetensors"
    out.write_text("old")
    ended = run("train", sounds / "clean.wav", "-o", out, "--quiet", "--overwrite", "--atoms", 3)
    assert ended == (0, "", "")
    assert Dictionary.load(out).n_components == 3


def test_threads_limit_matrix_products(
    run: Runner, sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from threadpoolctl import threadpool_info

    seen: list[int] = []
    trained = Dictionary.train

    def spy(*args: object, **options: object) -> Dictionary:
        seen.extend(p["num_threads"] for p in threadpool_info() if p["user_api"] == "blas")
        return trained(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Dictionary, "train", spy)
    out = tmp_path / "v.safetensors"
    assert run("train", sounds / "clean.wav", "-o", out, "--threads", 1).code == 0
    assert set(seen) == {1}


def test_interrupt_ends_with_130_and_leaves_nothing(tmp_path: Path) -> None:
    started = subprocess.Popen(
        [sys.executable, "-m", "spectramend", "demo", "-o", str(tmp_path / "demo")],
        stderr=subprocess.PIPE,
        text=True,
        # A job in the background of a shell ignores the signal, and so would the command.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert started.stderr is not None
    assert "mixing" in started.stderr.readline()
    time.sleep(0.5)
    started.send_signal(signal.SIGINT)
    _, errors = started.communicate(timeout=60)
    assert started.returncode == base.INTERRUPTED
    assert errors.endswith("spectramend: interrupted.\n")
    assert "Traceback" not in errors
    assert not list(tmp_path.iterdir())


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    ended = subprocess.run(
        [sys.executable, "-m", "spectramend", "--help"], stdout=write_end, stderr=subprocess.PIPE,
        text=True, check=False,
    )  # fmt: skip
    os.close(write_end)
    assert "Traceback" not in ended.stderr
