"""The 2015 notebook "Audio Spectrum Inpainting using NMF" by Joachim Thiemann, on its own audio.

A target voice is mixed with an interfering one. An ideal binary mask keeps the cells in which the
target is louder, a dictionary trained on clean speech of the target is fitted to the spectrum of
the mix, and the model replaces the spectrum. The conditions are what the notebook ran, what its
text describes, what it suggests, an upper bound, and our default.

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
    TABLE_COLUMNS,
    Condition,
    Method,
    run_condition,
)
from spectramend.experiments._common.mixtures import (
    DEFAULT_STFT,
    MaskedSpectra,
    Mixture,
    masked_spectra,
)
from spectramend.experiments._common.notebook import (
    NOTEBOOK_TRAINING,
    fit_adapting,
    fit_as_notebook,
    fit_everything,
)
from spectramend.experiments._common.results import Drawing, Layout, Page, Progress, Result
from spectramend.inpainting.dictionary import Dictionary
from spectramend.inpainting.resynthesis import complete
from spectramend.nmf import encode
from spectramend.reconstruction import griffin_lim, unit_phase
from spectramend.reports.listening_page import Sound
from spectramend.reports.panels import Panel
from spectramend.restoration.recording import repair

MaskKind: TypeAlias = Literal["notebook", "exact"]
Fit: TypeAlias = Callable[[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]], NDArray[Any]]

TARGET = "item_01_MA"
INTERFERER = "item_01_ML"
TRAINING = ("item_02_MA", "item_03_MA", "item_04_MA")

# All numbers but the last are those of the 2015 notebook.
NOTEBOOK_STFT = STFT(n_fft=1024, hop_length=512, window="sine")  # samples
MIX_GAIN = 2.0  # factor of the interferer in the mix
NOISE = 1 / 32768  # standard deviation of the noise added to both voices
CELL_FLOOR = 5_000 / 32768  # magnitude that a reliable cell exceeds
FRAME_FLOOR = 100_000 / 32768  # sum of magnitudes that a training frame exceeds
CEILING_ITERATIONS = 200  # iterations of Griffin-Lim; engineering choice: there is one mixture only

CONDITIONS = {
    "mix": "The damaged sound: the target plus twice the interfering voice.",
    "ibm_only": "The mask alone: hidden cells are silent. A method that is worse than this is of "
    "no use.",
    "notebook_published": "What the notebook ran: the fit includes all cells of the mix, the "
    "model replaces all of them, phase of the mix.",
    "notebook_masked": "The fit that its text describes: only reliable cells count.",
    "notebook_adapted": "Its commented-out line: as published, and in the last iterations the "
    "dictionary is updated, too, under the mask.",
    "notebook_masked_griffin_lim": "What it suggests: the masked fit, phases of reliable cells "
    "expanded by Griffin-Lim.",
    "ceiling_magnitude": "A ceiling, told the truth: true magnitude in the hidden cells, phases by "
    "Griffin-Lim. A perfect model of magnitudes could reach it.",
    "spectramend": "The repaired sound, our default: hidden cells are estimated from model and "
    "mask, reliable ones corrected a little.",
}
# On the listening page these are no competitors: the target, and a bound that knows it.
REFERENCES = ("target", "ceiling_magnitude")
# What the listening page calls them, in its order.
TITLES = {
    "mix": "Damaged: the mix",
    "spectramend": "Repaired: Spectramend",
    "target": "Clean target",
    "ibm_only": "Mask alone",
    "notebook_published": "Notebook, as published",
    "notebook_masked": "Notebook, masked fit",
    "notebook_adapted": "Notebook, adapted dictionary",
    "notebook_masked_griffin_lim": "Notebook, masked fit, Griffin-Lim",
    "ceiling_magnitude": "Ceiling: true magnitudes",
}


@dataclass(frozen=True)
class Recordings:
    """The recordings of the experiment, on the ±1 scale."""

    target: audio.Audio
    interferer: audio.Audio  # another voice
    training: tuple[audio.Audio, ...]  # clean speech of the first voice


def load(folder: Path) -> Recordings:
    """Read ``item_01_MA`` to ``item_04_MA`` and ``item_01_ML``, WAV or FLAC, from a folder.

    Raises FileError if one is absent or the sample rates differ, AudioError if one cannot be used.
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
    """Read the two synthetic voices of the package, which have the notebook's file names."""
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

    The exact mask compares the target with the interferer as it is in the mix, the notebook's mask
    with the interferer before its factor of 2. Raises ParameterError if mask is neither, or if the
    recordings are too short.
    """
    if mask not in ("notebook", "exact"):
        raise ParameterError(f"mask={mask!r}: give 'notebook' or 'exact'.")
    total = len(CONDITIONS) + 2
    progress("mixing", 0, total)
    rng = np.random.default_rng(seed)
    mixture = _mix(recordings, rng)
    ideal = _ideal_mask_options(mixture, mask)
    notebook, ours = (
        masked_spectra(mixture, stft, **ideal) for stft in (NOTEBOOK_STFT, DEFAULT_STFT)
    )

    progress("training dictionaries", 1, total)
    F_train, W = _train_as_notebook(recordings, rng)
    voice = _train_as_ours(recordings, seed)
    models: dict[str, NDArray[Any]] = {}
    methods = {
        name: (notebook, method)
        for name, method in _notebook_methods(mixture, notebook, W, models, rng).items()
    }
    methods["ceiling_magnitude"] = ours, partial(_fill_with_truth, ours, mixture.mix.size, rng)
    methods["spectramend"] = (
        ours,
        lambda: repair(mixture.mix, mixture.sr, ours.mask, dictionary=voice, rng=seed).samples,
    )
    conditions = []
    for done, (name, (spectra, method)) in enumerate(methods.items(), 2):
        progress(name, done, total)
        conditions.append(run_condition(name, method, spectra, mixture))
    progress("done", total, total)
    training_model = encode(F_train, W, step="heuristic", max_iter=30, tol=0, rng=rng).V_hat
    magnitudes = F_train, training_model, models["notebook_published"]
    voices = {"target": TARGET, "interferer": INTERFERER}
    return Result(
        "thiemann2015",
        {"seed": seed, "mask": mask, **ideal, "sr": mixture.sr},
        tuple({"condition": c.name, "group": "all", **c.row} for c in conditions),
        tuple({"condition": c.name, "group": "all", **voices, **c.row} for c in conditions),
        Layout(TABLE_COLUMNS),
        _drawings(mixture, notebook, *magnitudes, conditions[-1]),
        _page(recordings, mixture, conditions, ideal),
    )


def _ideal_mask_options(mixture: Mixture, mask: MaskKind) -> dict[str, float]:
    """Give the options of `Mask.ideal`."""
    loudest = np.abs(NOTEBOOK_STFT.forward(mixture.target)).max()
    return {
        "gain": 1.0 if mask == "notebook" else MIX_GAIN,
        "mix_gain": MIX_GAIN,
        "floor_db": float(20 * np.log10(loudest / CELL_FLOOR)),
    }


def _notebook_methods(
    mixture: Mixture,
    spectra: MaskedSpectra,
    W: NDArray[Any],
    models: dict[str, NDArray[Any]],
    rng: np.random.Generator,
) -> dict[str, Method]:
    """Give the conditions in the notebook's transform; those that fit store their models."""
    length = mixture.mix.size

    def with_mix_phase(name: str, fit: Fit) -> NDArray[Any]:
        H = np.abs(rng.standard_normal((W.shape[1], spectra.X.shape[1])))
        models[name] = fit(np.abs(spectra.X).astype(np.float32), W, H, spectra.mask.observed)
        return spectra.stft.inverse(models[name] * unit_phase(spectra.X), length=length)

    fits: dict[str, Fit] = {
        "notebook_published": fit_everything,
        "notebook_masked": fit_as_notebook,
        "notebook_adapted": fit_adapting,
    }
    return {
        "mix": lambda: mixture.mix,
        "ibm_only": lambda: spectra.stft.inverse(spectra.X * spectra.mask.observed, length=length),
        **{name: partial(with_mix_phase, name, fit) for name, fit in fits.items()},
        "notebook_masked_griffin_lim": lambda: _expand_phase(
            spectra, models["notebook_masked"], length
        ),
    }


def _mix(recordings: Recordings, rng: np.random.Generator) -> Mixture:
    """Pad both voices to one length, add noise, and mix, all rounded to 32-bit floats."""
    length = max(r.samples.size for r in (recordings.target, recordings.interferer))

    def noisy(x: NDArray[Any]) -> NDArray[Any]:
        padded = np.pad(x, (0, length - x.size)) + NOISE * rng.standard_normal(length)
        return padded.astype(np.float32).astype(np.float64)

    target, interferer = noisy(recordings.target.samples), noisy(recordings.interferer.samples)
    mixed = (target + MIX_GAIN * interferer).astype(np.float32).astype(np.float64)
    return Mixture(target, interferer, mixed, recordings.target.sr)


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
    """Train a dictionary by default."""
    return Dictionary.train(
        [recording.samples for recording in recordings.training],
        sr=recordings.target.sr,
        stft=DEFAULT_STFT,
        sources=[recording.source for recording in recordings.training if recording.source],
        rng=seed,
    )


def _expand_phase(spectra: MaskedSpectra, V_hat: NDArray[Any], length: int) -> NDArray[Any]:
    """Use the model everywhere; expand the phases of the reliable cells [shape=(n,)]."""
    Y = V_hat * unit_phase(spectra.X)
    Y = griffin_lim(Y, spectra.mask.observed, stft=spectra.stft, length=length)
    return spectra.stft.inverse(Y, length=length)


def _fill_with_truth(spectra: MaskedSpectra, length: int, rng: np.random.Generator) -> NDArray[Any]:
    """Fill the hidden cells with the target's magnitudes and find phases [shape=(n,)]."""
    return complete(
        spectra.X,
        np.abs(spectra.T),
        spectra.mask.observed,
        phase="griffin-lim",
        stft=spectra.stft,
        length=length,
        n_iter=CEILING_ITERATIONS,
        rng=rng,
    )[0]


def _page(
    recordings: Recordings,
    mixture: Mixture,
    conditions: list[Condition],
    ideal: dict[str, float],
) -> Page:
    """Describe the listening page: damaged, repaired and clean sound first."""
    texts = {"target": "The clean voice that is to be restored.", **CONDITIONS}
    samples = {"target": mixture.target, **{c.name: c.samples for c in conditions}}
    training = {
        f"training_{i}.wav": recording.samples for i, recording in enumerate(recordings.training, 1)
    }
    return Page(
        title="Audio spectrum inpainting, the 2015 experiment",
        lead="A voice is covered by another one, twice as loud as recorded. A mask, made from both "
        "clean voices, says in which cells of the spectrum the first one is louder; each condition "
        "restores the others. A ceiling is told the truth about hidden cells, too: it is a bound, "
        "no method, and never counts as the best. Metrics are taken against the clean target.",
        sounds=tuple(
            Sound(
                name,
                title,
                texts[name],
                samples[name],
                mixture.sr,
                f"{name}.wav",
                reference=name in REFERENCES,
            )
            for name, title in TITLES.items()
        ),
        other_sounds={"interferer.wav": mixture.interferer, **training},
        commands=(
            f"spectramend train {' '.join(training)} -o voice.safetensors",
            f"spectramend mask ideal target.wav interferer.wav --gain {ideal['gain']:g} --mix-gain "
            f"{MIX_GAIN:g} --floor-db {ideal['floor_db']!r} -o mask.npz",
            "spectramend repair mix.wav --mask mask.npz --dictionary voice.safetensors -o "
            "repaired.wav",
            "spectramend evaluate target.wav mix.wav repaired.wav",
        ),
    )


def _drawings(
    mixture: Mixture,
    spectra: MaskedSpectra,
    training: NDArray[Any],
    training_model: NDArray[Any],
    published: NDArray[Any],
    ours: Condition,
) -> tuple[Drawing, ...]:
    """Draw the notebook's three figures, from magnitudes [shape=(F, N)], and our default."""

    def panel(title: str, magnitude: NDArray[Any]) -> Panel:
        return Panel(title, magnitude.astype(float) ** 2, mixture.sr, spectra.stft)

    target = panel("Target", np.abs(spectra.T))
    mask = Panel("Ideal binary mask", spectra.mask.observed, mixture.sr, spectra.stft)
    return (
        Drawing(
            "mix_target_mask.png",
            "Mix, target, and the mask of reliable cells.",
            lambda: [panel("Mix", np.abs(spectra.X)), target, mask],
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
            "The target, and what the notebook published: the model follows the mix.",
            lambda: [target, panel("Inpainted as in 2015, W @ H", published)],
        ),
        Drawing(
            "spectramend.png",
            "Mix, mask, the output of our default, and the target.",
            partial(ours.panels, mixture.sr),
        ),
    )
