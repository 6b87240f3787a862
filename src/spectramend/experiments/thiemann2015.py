"""The 2015 notebook "Audio Spectrum Inpainting using NMF" by Joachim Thiemann, on its own audio.

A target voice is mixed with an interfering one. An ideal binary mask keeps the cells in which the
target wins, a dictionary trained on clean speech of the target is fitted to the spectrum of the
mix, and the model takes the place of the spectrum. Each condition is one row: what the notebook
ran, what its text describes, what it suggests, what bounds it from above, and what we do.

Samples are on the ±1 scale here and on that of 16-bit integers in the notebook; its constants are
divided by 32768, a power of two, so that every digit agrees.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spectramend import audio
from spectramend.core.stft import STFT
from spectramend.errors import AudioError, FileError, ParameterError
from spectramend.experiments._common.conditions import (
    COLUMNS,
    Condition,
    Method,
    run_condition,
)
from spectramend.experiments._common.notebook import (
    NOTEBOOK_TRAINING,
    fit_adapting,
    fit_as_notebook,
    fit_everything,
)
from spectramend.experiments._common.results import Drawing, Layout, Page, Progress, Result
from spectramend.experiments._common.scenes import STFT_OF_OURS, Cells, Scene, see
from spectramend.inpainting import Dictionary, complete
from spectramend.nmf import encode
from spectramend.reconstruction import griffin_lim, unit_phase
from spectramend.reports.listening_page import Sound
from spectramend.reports.panels import Panel
from spectramend.restoration.recording import repair

MaskKind: TypeAlias = Literal["notebook", "exact"]
Fit: TypeAlias = Callable[[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]], NDArray[Any]]

TARGET, INTERFERER = "item_01_MA", "item_01_ML"
TRAINING = ("item_02_MA", "item_03_MA", "item_04_MA")

NOTEBOOK_STFT = STFT(n_fft=1024, hop_length=512, window="sine")
MIX_GAIN = 2.0
NOISE = 1 / 32768  # standard deviation of the noise added to both voices
CELL_FLOOR = 5_000 / 32768  # magnitude that a reliable cell exceeds
FRAME_FLOOR = 100_000 / 32768  # sum of magnitudes that a training frame exceeds
CEILING_ITERATIONS = 200

CONDITIONS = {
    "mix": "The mix: target plus twice the interferer.",
    "ibm_only": "The mask alone: hidden cells are silent. Anything worse than this is not worth "
    "the work.",
    "notebook_published": "What the notebook really ran: the fit sees every cell of the mix, the "
    "model replaces all of it, phase of the mix.",
    "notebook_masked": "The fit that its text describes: only reliable cells count.",
    "notebook_adapted": "Its commented-out line: as published, and the dictionary moves too, under "
    "the mask, in the last iterations.",
    "notebook_masked_griffin_lim": "What it suggests: the masked fit, phases of reliable cells "
    "expanded by Griffin-Lim.",
    "ceiling_magnitude": "True magnitude in the hidden cells, phases by Griffin-Lim: what a "
    "perfect model of magnitudes could reach.",
    "spectramend": "Our default: hidden cells are filled with what model and mask say together, "
    "reliable ones corrected a little.",
}
# The target and a method that is told the true magnitudes compete with nobody.
REFERENCES = ("target", "ceiling_magnitude")


@dataclass(frozen=True)
class Recordings:
    """The recordings of the experiment, on the ±1 scale.

    Parameters
    ----------
    target : Audio
        The voice to restore.
    interferer : Audio
        The voice over it.
    training : tuple of Audio
        Clean speech of the first voice.
    """

    target: audio.Audio
    interferer: audio.Audio
    training: tuple[audio.Audio, ...]


def load(folder: Path) -> Recordings:
    """Read the recordings of the experiment.

    Parameters
    ----------
    folder : Path
        Holds ``item_01_MA`` to ``item_04_MA`` and ``item_01_ML``, as WAV or FLAC.

    Returns
    -------
    Recordings
        The recordings.

    Raises
    ------
    FileError
        If the folder or a recording is absent, or their sample rates differ.
    AudioError
        If a recording cannot be used.
    """
    if not folder.is_dir():
        raise FileError(f"{folder}: no such folder of recordings.")
    paths = []
    for stem in (TARGET, INTERFERER, *TRAINING):
        found = [
            path for suffix in (".wav", ".flac") if (path := folder / (stem + suffix)).exists()
        ]
        if not found:
            raise FileError(f"{folder}: has no {stem}.wav or {stem}.flac.")
        paths.append(found[0])
    recordings = audio.read_same_rate(paths)
    for path, recording in zip(paths, recordings, strict=True):
        if recording.samples.ndim != 1:
            raise AudioError(f"{path}: has {len(recording.samples)} channels; give mono.")
    return Recordings(recordings[0], recordings[1], tuple(recordings[2:]))


def load_bundled() -> Recordings:
    """Read the two synthetic voices that come with the package, under the notebook's file names.

    Returns
    -------
    Recordings
        The recordings.

    Examples
    --------
    >>> load_bundled().target.sr
    16000
    """
    with as_file(files("spectramend") / "voices") as folder:
        return load(folder)


def run(
    recordings: Recordings,
    *,
    mask: MaskKind = "notebook",
    seed: int = 0,
    progress: Progress = lambda name, done, total: None,
) -> Result:
    """Run every condition.

    Parameters
    ----------
    recordings : Recordings
        The voices.
    mask : {"notebook", "exact"}
        Whether the mask compares with the interferer before the factor 2 of the mix, as the
        notebook did, or with what is in the mix.
    seed : int
        Fixes noise and random starts.
    progress : callable
        Called with what is being done, the number of steps done, and of all steps.

    Returns
    -------
    Result
        Rows, sounds and spectra.

    Raises
    ------
    ParameterError
        If `mask` is neither, or the recordings are too short.
    """
    if mask not in ("notebook", "exact"):
        raise ParameterError(f"mask={mask!r}: give 'notebook' or 'exact'.")
    total = len(CONDITIONS) + 2
    progress("mixing", 0, total)
    rng = np.random.default_rng(seed)
    scene = _mix(recordings, rng)
    ideal = _ideal(scene, mask)
    notebook, ours = (see(scene, stft, **ideal) for stft in (NOTEBOOK_STFT, STFT_OF_OURS))

    progress("training dictionaries", 1, total)
    F_train, W = _train_as_notebook(recordings, rng)
    voice = _train_as_ours(recordings, seed)
    models: dict[str, NDArray[Any]] = {}
    methods = {
        name: (notebook, method)
        for name, method in _notebook_methods(scene, notebook, W, models, rng).items()
    }
    methods["ceiling_magnitude"] = ours, partial(_fill_with_truth, ours, scene.mix.size, rng)
    methods["spectramend"] = (
        ours,
        lambda: repair(scene.mix, scene.sr, ours.mask, dictionary=voice, rng=seed).samples,
    )
    conditions = []
    for done, (name, (cells, method)) in enumerate(methods.items(), 2):
        progress(name, done, total)
        conditions.append(run_condition(name, method, cells, scene))
    progress("done", total, total)
    training_model = encode(F_train, W, step="heuristic", max_iter=30, tol=0, rng=rng).V_hat
    magnitudes = F_train, training_model, models["notebook_published"]
    voices = {"target": TARGET, "interferer": INTERFERER}
    return Result(
        "thiemann2015",
        {"seed": seed, "mask": mask, **ideal, "sr": scene.sr},
        tuple({"condition": c.name, "group": "all", **c.row} for c in conditions),
        tuple({"condition": c.name, "group": "all", **voices, **c.row} for c in conditions),
        Layout(COLUMNS),
        _drawings(scene, notebook, *magnitudes, conditions[-1]),
        _page(scene, conditions, ideal),
    )


def _ideal(scene: Scene, mask: MaskKind) -> dict[str, float]:
    """Say how the ideal mask is made, as `Mask.ideal` takes it."""
    loudest = np.abs(NOTEBOOK_STFT.forward(scene.target)).max()
    return {
        "gain": 1.0 if mask == "notebook" else MIX_GAIN,
        "mix_gain": MIX_GAIN,
        "floor_db": float(20 * np.log10(loudest / CELL_FLOOR)),
    }


def _notebook_methods(
    scene: Scene,
    cells: Cells,
    W: NDArray[Any],
    models: dict[str, NDArray[Any]],
    rng: np.random.Generator,
) -> dict[str, Method]:
    """Give the conditions in the notebook's transform; those that fit leave their models."""
    length = scene.mix.size

    def with_mix_phase(name: str, fit: Fit) -> NDArray[Any]:
        H = np.abs(rng.standard_normal((W.shape[1], cells.X.shape[1])))
        models[name] = fit(np.abs(cells.X).astype(np.float32), W, H, cells.mask.observed)
        return cells.stft.inverse(models[name] * unit_phase(cells.X), length=length)

    fits: dict[str, Fit] = {
        "notebook_published": fit_everything,
        "notebook_masked": fit_as_notebook,
        "notebook_adapted": fit_adapting,
    }
    return {
        "mix": lambda: scene.mix,
        "ibm_only": lambda: cells.stft.inverse(cells.X * cells.mask.observed, length=length),
        **{name: partial(with_mix_phase, name, fit) for name, fit in fits.items()},
        "notebook_masked_griffin_lim": lambda: _expand_phase(
            cells, models["notebook_masked"], length
        ),
    }


def _mix(recordings: Recordings, rng: np.random.Generator) -> Scene:
    """Pad both voices to one length, add noise, and mix, as files of 32-bit floats hold it."""
    length = max(r.samples.size for r in (recordings.target, recordings.interferer))

    def noisy(x: NDArray[Any]) -> NDArray[Any]:
        padded = np.pad(x, (0, length - x.size)) + NOISE * rng.standard_normal(length)
        return padded.astype(np.float32).astype(np.float64)

    target, interferer = noisy(recordings.target.samples), noisy(recordings.interferer.samples)
    mixed = (target + MIX_GAIN * interferer).astype(np.float32).astype(np.float64)
    return Scene(target, interferer, mixed, recordings.target.sr)


def _train_as_notebook(
    recordings: Recordings, rng: np.random.Generator
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Take the training magnitudes above the floor [shape=(F, frames)], and train W on them."""
    speech = np.concatenate([recording.samples for recording in recordings.training])
    F_train = np.abs(NOTEBOOK_STFT.forward(speech)).astype(np.float32)
    loudness = F_train.sum(axis=0)
    voice = Dictionary.train(
        [speech],
        sr=recordings.target.sr,
        stft=NOTEBOOK_STFT,
        floor_db=float(20 * np.log10(loudness.max() / FRAME_FLOOR)),
        rng=rng,
        **NOTEBOOK_TRAINING,
    )
    return F_train[:, loudness > FRAME_FLOOR], voice.W


def _train_as_ours(recordings: Recordings, seed: int) -> Dictionary:
    """Train our default dictionary."""
    return Dictionary.train(
        [recording.samples for recording in recordings.training],
        sr=recordings.target.sr,
        stft=STFT_OF_OURS,
        sources=[recording.source for recording in recordings.training if recording.source],
        rng=seed,
    )


def _expand_phase(cells: Cells, V_hat: NDArray[Any], length: int) -> NDArray[Any]:
    """Take the model everywhere, and expand the phases of the reliable cells [shape=(n,)]."""
    Y = V_hat * unit_phase(cells.X)
    Y = griffin_lim(Y, cells.mask.observed, stft=cells.stft, length=length)
    return cells.stft.inverse(Y, length=length)


def _fill_with_truth(cells: Cells, length: int, rng: np.random.Generator) -> NDArray[Any]:
    """Fill the hidden cells with the target's magnitudes and find phases [shape=(n,)]."""
    return complete(
        cells.X,
        np.abs(cells.T),
        cells.mask.observed,
        phase="griffin-lim",
        stft=cells.stft,
        length=length,
        n_iter=CEILING_ITERATIONS,
        rng=rng,
    )[0]


def _page(scene: Scene, conditions: list[Condition], ideal: dict[str, float]) -> Page:
    """Compose the listening page: the target, then every condition."""
    heard = [("target", "The clean target voice.", scene.target)]
    heard += [(c.name, CONDITIONS[c.name], c.samples) for c in conditions]
    items = " ".join(f"DATA/{stem}.*" for stem in TRAINING)
    return Page(
        title="Audio spectrum inpainting, the 2015 experiment",
        lead="A voice is covered by another one, twice as loud as recorded. A mask keeps the cells "
        "of the spectrum in which the first voice wins; each condition makes of them what it can. "
        "Metrics are taken against the clean target.",
        sounds=tuple(
            Sound(name, name, text, x, scene.sr, f"{name}.wav", reference=name in REFERENCES)
            for name, text, x in heard
        ),
        others={"interferer.wav": scene.interferer},
        commands=(
            f"spectramend train {items} -o voice.safetensors",
            f"spectramend mask ideal target.wav interferer.wav --gain {ideal['gain']:g} --mix-gain "
            f"{MIX_GAIN:g} --floor-db {ideal['floor_db']!r} -o mask.npz",
            "spectramend repair mix.wav --mask mask.npz --dictionary voice.safetensors -o "
            "repaired.wav",
        ),
    )


def _drawings(
    scene: Scene,
    cells: Cells,
    training: NDArray[Any],
    training_model: NDArray[Any],
    published: NDArray[Any],
    ours: Condition,
) -> tuple[Drawing, ...]:
    """Draw the notebook's three figures, from magnitudes [shape=(F, N)], and one of what we do."""

    def panel(title: str, magnitude: NDArray[Any]) -> Panel:
        return Panel(title, magnitude.astype(float) ** 2, scene.sr, cells.stft)

    target = panel("Target", np.abs(cells.T))
    mask = Panel("Ideal binary mask", cells.mask.observed, scene.sr, cells.stft)
    return (
        Drawing(
            "mix_target_mask.png",
            "Mix, target, and the mask that tells which cells are reliable.",
            lambda: [panel("Mix", np.abs(cells.X)), target, mask],
        ),
        Drawing(
            "training_model.png",
            "Training speech without its quiet frames, and the dictionary's model of it.",
            lambda: [
                panel("Training speech", training),
                panel("Model of it, W @ H", training_model),
            ],
        ),
        Drawing(
            "target_inpainted.png",
            "What it should be, and what the notebook published: the model follows the mix.",
            lambda: [target, panel("Inpainted as in 2015, W @ H", published)],
        ),
        Drawing(
            "spectramend.png",
            "Mix, mask, what our default makes of them, and the target.",
            partial(ours.panels, scene.sr),
        ),
    )
