"""Speech under a mask, for every voice of a folder, between the bare mask and upper bounds.

Each voice is mixed with the next one, in sorted order, at equal energy. An ideal binary mask keeps
the cells in which it is louder; a dictionary of its other recordings fills the rest. The conditions
are the mix, the bare mask, what the 2015 notebook's text describes, two bounds that know the hidden
target, our default, and our default with a mask that is estimated from the mix.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectramend import audio
from spectramend.core.masks import Mask
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
    transform_name,
)
from spectramend.experiments._common.notebook import NOTEBOOK_TRAINING, fit_as_notebook
from spectramend.experiments._common.recordings import read_mono, resampled
from spectramend.experiments._common.results import (
    Drawing,
    Layout,
    Progress,
    Result,
    Row,
    mean_rows,
)
from spectramend.inpainting.dictionary import Dictionary
from spectramend.inpainting.mask_estimation import estimate_mask
from spectramend.reconstruction import griffin_lim, unit_phase
from spectramend.restoration.recording import repair

SR = 16000  # Hz
MIN_RECORDINGS = 4  # recordings of a voice: one is mixed, and the others train
TRAINING_S = 30  # seconds of training speech at most; engineering choice: easily recorded
# dB under the target's loudest cell, floor of the ideal mask. Engineering choice: relative, as the
# levels of the recordings differ.
MASK_FLOOR_DB = 60.0
CEILING_ITERATIONS = 100  # iterations of Griffin-Lim; engineering choice: there are many mixtures
N_DICTIONARIES = 2  # dictionaries to inpaint with; `benchmarks/ablation.py` compares with one
# Atoms and beta of the dictionaries, besides a default one, with which masks are estimated.
# Engineering choice: different ones, as the mean of their estimates is taken.
MASK_DICTIONARIES: tuple[tuple[int | None, float], ...] = ((None, 1.0), (40, 0.5))

CONDITIONS = {
    "mix": "The mix: both voices at equal energy.",
    "ibm_only": "The ideal mask alone: hidden cells are silent.",
    "notebook_masked": "What the 2015 notebook's text describes: its fit to the reliable cells, "
    "the model everywhere, phase of the mix.",
    "wiener_oracle": "The true Wiener gain in the hidden cells, phase of the mix.",
    "ceiling_magnitude": "True magnitude in the hidden cells, phases by Griffin-Lim.",
    "spectramend": "Our default with the ideal mask.",
    "estimated_mask_only": "A mask estimated from the mix with dictionaries of both voices, alone.",
    "estimated_mask_spectramend": "Our default with the estimated mask.",
}
NEED_NO_DICTIONARY = {"mix", "ibm_only", "wiener_oracle", "ceiling_magnitude"}
MEASURES = ("si_sdr_db", "estoi", "pesq_wb", "lsd_hidden_db", "seconds")
LAYOUT = Layout(tuple(c for c in TABLE_COLUMNS if c.key in ("condition", *MEASURES)))


@dataclass(frozen=True)
class Voice:
    """Recordings of one voice, at 16 kHz."""

    name: str  # of its folder
    utterance: NDArray[Any]  # [shape=(n,)] the first recording, which is mixed
    training: tuple[NDArray[Any], ...]  # up to 30 s of the others

    def train(self, rng: int, **options: Any) -> Dictionary:
        """Train a dictionary with options of `Dictionary.train`."""
        try:
            return Dictionary.train(self.training, sr=SR, stft=DEFAULT_STFT, rng=rng, **options)
        except ParameterError as error:
            raise ParameterError(f"{self.name}: {error}") from None


@dataclass(frozen=True)
class _VoiceDictionaries:
    """Dictionaries of one voice: to inpaint with, to estimate masks with, and the notebook's."""

    inpainting: tuple[Dictionary, ...]
    separation: tuple[Dictionary, ...]
    notebook: Dictionary

    @classmethod
    def train(cls, voice: Voice, seed: int) -> _VoiceDictionaries:
        """Train all of them."""
        own = tuple(voice.train(seed + i) for i in range(N_DICTIONARIES))
        others = [voice.train(seed, n_components=K, beta=beta) for K, beta in MASK_DICTIONARIES]
        return cls(own, (own[0], *others), voice.train(seed, **NOTEBOOK_TRAINING))


def load(folder: Path, *, say: Callable[[str], None] = lambda text: None) -> list[Voice]:
    """Read the voices of a folder, which has a folder of recordings for each, sorted by name.

    Those with too few recordings are skipped, with a line to `say`. Raises FileError if there is no
    such folder or fewer than two voices are in it, AudioError if a recording cannot be used.
    """
    if not folder.is_dir():
        raise FileError(f"{folder}: no such folder of voices.")
    voices = []
    for path in sorted(path for path in folder.iterdir() if path.is_dir()):
        files = audio.recordings_in(path)
        if len(files) < MIN_RECORDINGS:
            say(f"{path.name}: skipped: {len(files)} recordings, {MIN_RECORDINGS} are needed.")
            continue
        voices.append(Voice(path.name, _read(files[0]), _read_training(files[1:])))
    if len(voices) < 2:
        raise FileError(
            f"{folder}: has {len(voices)} voices; give at least 2 folders of {MIN_RECORDINGS} or "
            f"more recordings each."
        )
    return voices


def run(
    voices: list[Voice],
    *,
    conditions: Collection[str] = tuple(CONDITIONS),
    keep_reliable: bool = False,
    seed: int = 0,
    progress: Progress = lambda name, done, total: None,
) -> Result:
    """Run every condition, or some, on every pair of a voice and the next one.

    keep_reliable goes to `repair`. Raises ParameterError if a condition is unknown, or a voice has
    too little to train on.
    """
    unknown = [name for name in conditions if name not in CONDITIONS]
    if unknown:
        raise ParameterError(
            f"conditions has {unknown[0]!r}: give some of {', '.join(CONDITIONS)}."
        )
    names = [name for name in CONDITIONS if name in conditions]
    total = len(voices) * (1 + len(names))
    trained: list[_VoiceDictionaries | None] = []
    for voice in voices:
        progress(f"training {voice.name}", len(trained), total)
        needed = not NEED_NO_DICTIONARY.issuperset(names)
        trained.append(_VoiceDictionaries.train(voice, seed) if needed else None)
    items: list[Row] = []
    drawings: list[Drawing] = []
    for i, target in enumerate(voices):
        j = (i + 1) % len(voices)
        mixture = mix_voices(target.utterance, voices[j].utterance)
        spectra = masked_spectra(mixture, DEFAULT_STFT, floor_db=MASK_FLOOR_DB)
        methods = _methods_without_dictionary(mixture, spectra)
        if (own := trained[i]) and (other := trained[j]):
            methods |= _methods(mixture, spectra, own, other, keep_reliable, seed)
        pair = {"target": target.name, "interferer": voices[j].name}
        for name in names:
            what = f"{target.name} under {voices[j].name}: {name}"
            progress(what, len(voices) + len(items), total)
            condition = run_condition(name, methods[name], spectra, mixture)
            items.append(_item(condition, pair))
            if name == "spectramend":
                drawings.append(_drawing(condition, pair))
    progress("done", total, total)
    settings = {
        "seed": seed,
        "keep_reliable": keep_reliable,
        "voices": [voice.name for voice in voices],
        "transform": transform_name(DEFAULT_STFT),
        "sr": SR,
    }
    rows = mean_rows(items, MEASURES)
    return Result("voices", settings, tuple(rows), tuple(items), LAYOUT, tuple(drawings))


def _item(condition: Condition, pair: dict[str, str]) -> Row:
    """Compose the item of a condition for a pair."""
    measures = {key: condition.row[key] for key in MEASURES}
    return {"condition": condition.name, "group": "all", **pair, **measures}


def _drawing(condition: Condition, pair: dict[str, str]) -> Drawing:
    """Draw the output of a condition for a pair."""
    under = "{target}_under_{interferer}.png".format(**pair)
    caption = "{target} under {interferer}: mix, mask, our default, and the target.".format(**pair)
    return Drawing(under, caption, partial(condition.panels, SR))


def mix_voices(target: NDArray[Any], interferer: NDArray[Any]) -> Mixture:
    """Mix two voices at equal energy; the interferer is repeated or cut to the target's length.

    Examples
    --------
    >>> mix_voices(np.array([3.0, 0.0, 4.0]), np.array([1.0, 0.0])).interferer.round(2).tolist()
    [3.54, 0.0, 3.54]
    """
    N = np.resize(interferer, target.size)
    N = N * np.sqrt(np.sum(target**2) / np.sum(N**2))
    return Mixture(target, N, target + N, SR)


def _methods_without_dictionary(mixture: Mixture, spectra: MaskedSpectra) -> dict[str, Method]:
    """Give the conditions that need no dictionary."""
    T, X, stft, observed = spectra.T, spectra.X, spectra.stft, spectra.mask.observed
    length = mixture.mix.size

    def wiener() -> NDArray[Any]:
        N = stft.forward(mixture.interferer)
        power = np.maximum(np.abs(T) ** 2 + np.abs(N) ** 2, np.finfo(np.float64).tiny)
        Y = np.where(observed, X, X * np.abs(T) ** 2 / power)
        return stft.inverse(Y, length=length)

    def ceiling() -> NDArray[Any]:
        Y = np.where(observed, X, np.abs(T) * unit_phase(X))
        # Without momentum, so that earlier figures stay comparable; 0.99 gains 0.3 dB.
        Y = griffin_lim(
            Y, observed, stft=stft, length=length, n_iter=CEILING_ITERATIONS, momentum=0.0
        )
        return stft.inverse(Y, length=length)

    return {
        "mix": lambda: mixture.mix,
        "ibm_only": lambda: stft.inverse(X * observed, length=length),
        "wiener_oracle": wiener,
        "ceiling_magnitude": ceiling,
    }


def _methods(
    mixture: Mixture,
    spectra: MaskedSpectra,
    own: _VoiceDictionaries,
    other: _VoiceDictionaries,
    keep_reliable: bool,
    seed: int,
) -> dict[str, Method]:
    """Give the conditions that need dictionaries, of the target's voice and the other one."""
    X, stft, length = spectra.X, spectra.stft, mixture.mix.size

    def notebook() -> NDArray[Any]:
        W = own.notebook.W
        H = np.abs(np.random.default_rng(seed).standard_normal((W.shape[1], X.shape[1])))
        V_hat = fit_as_notebook(np.abs(X).astype(np.float32), W, H, spectra.mask.observed)
        return stft.inverse(V_hat * unit_phase(X), length=length)

    def repaired(mask: Mask) -> NDArray[Any]:
        options: dict[str, Any] = {"keep_reliable": keep_reliable, "rng": seed}
        x, sr = mixture.mix, mixture.sr
        return repair(x, sr, mask, dictionary=own.inpainting, **options).samples

    def estimated() -> Mask:
        target, interferer = own.separation, other.separation
        return estimate_mask(
            X, target=target, interferer=interferer, stft=stft, sr=mixture.sr, rng=seed
        )

    return {
        "notebook_masked": notebook,
        "spectramend": lambda: repaired(spectra.mask),
        "estimated_mask_only": lambda: stft.inverse(X * estimated().observed, length=length),
        "estimated_mask_spectramend": lambda: repaired(estimated()),
    }


def _read_training(paths: list[Path]) -> tuple[NDArray[Any], ...]:
    """Read recordings up to 30 s together; the last is cut."""
    signals: list[NDArray[Any]] = []
    left = TRAINING_S * SR
    for path in paths:
        if left < DEFAULT_STFT.n_fft:
            break
        signals.append(_read(path)[:left])
        left -= signals[-1].size
    return tuple(signals)


def _read(path: Path) -> NDArray[Any]:
    """Read a recording as one channel at 16 kHz [shape=(n,)]."""
    recording = read_mono(path)
    x = resampled(recording.samples, recording.sr, SR)
    if x.size < DEFAULT_STFT.n_fft:
        raise AudioError(
            f"{path}: has {x.size} samples at {SR} Hz, fewer than a frame of {DEFAULT_STFT.n_fft}; "
            f"remove it."
        )
    return x
