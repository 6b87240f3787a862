"""Speech under a mask, for every voice of a folder: how far from the bare mask to the ceiling.

Each voice is covered by the next one, in sorted order, at equal energy. An ideal binary mask keeps
the cells in which it wins; a dictionary of its other recordings fills the rest. The rows say what
doing nothing and the bare mask give, what the 2015 notebook's text describes, two bounds that know
the hidden target, our default, and what is left of it where the mask is estimated from the mix.
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
    COLUMNS,
    Condition,
    Method,
    run_condition,
)
from spectramend.experiments._common.notebook import NOTEBOOK_TRAINING, fit_as_notebook
from spectramend.experiments._common.results import (
    Drawing,
    Layout,
    Progress,
    Result,
    Row,
    mean_rows,
)
from spectramend.experiments._common.scenes import (
    STFT_OF_OURS,
    Cells,
    Scene,
    described,
    read_mono,
    resampled,
    see,
)
from spectramend.inpainting import Dictionary, estimate_mask
from spectramend.reconstruction import griffin_lim, unit_phase
from spectramend.restoration.recording import repair

SR = 16000  # Hz
LEAST_RECORDINGS = 4  # of a voice
TRAINING_SECONDS = 30
FLOOR_DB = 60.0  # of the ideal mask, under the target's loudest cell
CEILING_ITERATIONS = 100
FILLING = 2  # dictionaries that fill, alike but for their seeds
# Atoms and divergence of the dictionaries, besides the default one, that estimate a mask.
SEPARATING: tuple[tuple[int | None, float], ...] = ((None, 1.0), (40, 0.5))

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
LAYOUT = Layout(tuple(c for c in COLUMNS if c.key in ("condition", *MEASURES)))


@dataclass(frozen=True)
class Voice:
    """Recordings of one voice, at 16 kHz.

    Parameters
    ----------
    name : str
        Name of its folder.
    utterance : ndarray [shape=(n,)]
        Its first recording, which is mixed.
    training : tuple of ndarray
        Up to 30 s of its other recordings.
    """

    name: str
    utterance: NDArray[Any]
    training: tuple[NDArray[Any], ...]

    def train(self, rng: int, **how: Any) -> Dictionary:
        """Train a dictionary on the other recordings; `how` goes to `Dictionary.train`."""
        try:
            return Dictionary.train(self.training, sr=SR, stft=STFT_OF_OURS, rng=rng, **how)
        except ParameterError as error:
            raise ParameterError(f"{self.name}: {error}") from None


@dataclass(frozen=True)
class _Trained:
    """Dictionaries of one voice: those that fill, those that estimate masks, and the notebook's."""

    filling: tuple[Dictionary, ...]
    separating: tuple[Dictionary, ...]
    notebook: Dictionary

    @classmethod
    def on(cls, voice: Voice, seed: int) -> _Trained:
        """Train all of them."""
        filling = tuple(voice.train(seed + i) for i in range(FILLING))
        others = [voice.train(seed, n_components=K, beta=beta) for K, beta in SEPARATING]
        return cls(filling, (filling[0], *others), voice.train(seed, **NOTEBOOK_TRAINING))


def load(folder: Path, *, say: Callable[[str], None] = lambda text: None) -> list[Voice]:
    """Read the voices of a folder.

    Parameters
    ----------
    folder : Path
        Holds a folder of recordings for each voice.
    say : callable
        Called with a line for each folder that is skipped because it has too few recordings.

    Returns
    -------
    list of Voice
        The voices, sorted by name.

    Raises
    ------
    FileError
        If there is no such folder, fewer than two voices are in it, or a recording cannot be read.
    AudioError
        If a recording is not usable.
    """
    if not folder.is_dir():
        raise FileError(f"{folder}: no such folder of voices.")
    voices = []
    for home in sorted(path for path in folder.iterdir() if path.is_dir()):
        paths = audio.recordings_in(home)
        if len(paths) < LEAST_RECORDINGS:
            say(f"{home.name}: skipped: {len(paths)} recordings, {LEAST_RECORDINGS} are needed.")
            continue
        voices.append(Voice(home.name, _read(paths[0]), _training(paths[1:])))
    if len(voices) < 2:
        raise FileError(
            f"{folder}: has {len(voices)} voices; give at least 2 folders of {LEAST_RECORDINGS} or "
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
    """Run every condition on every pair of a voice and the next one.

    Parameters
    ----------
    voices : list of Voice
        The voices, at least two.
    conditions : collection of str
        Which rows; all by default.
    keep_reliable : bool
        Whether our default keeps reliable cells exactly, see `spectramend.inpaint`.
    seed : int
        Fixes random starts.
    progress : callable
        Called with what is being done, the number of steps done, and of all steps.

    Returns
    -------
    Result
        Items are conditions of pairs.

    Raises
    ------
    ParameterError
        If a condition is unknown, or a voice has too little to train on.
    """
    unknown = [name for name in conditions if name not in CONDITIONS]
    if unknown:
        raise ParameterError(
            f"conditions has {unknown[0]!r}: give some of {', '.join(CONDITIONS)}."
        )
    names = [name for name in CONDITIONS if name in conditions]
    total = len(voices) * (1 + len(names))
    trained: list[_Trained | None] = []
    for voice in voices:
        progress(f"training {voice.name}", len(trained), total)
        needed = not NEED_NO_DICTIONARY.issuperset(names)
        trained.append(_Trained.on(voice, seed) if needed else None)
    items: list[Row] = []
    drawings: list[Drawing] = []
    for i, target in enumerate(voices):
        j = (i + 1) % len(voices)
        scene = mix_voices(target.utterance, voices[j].utterance)
        cells = see(scene, STFT_OF_OURS, floor_db=FLOOR_DB)
        methods = _oracles(scene, cells)
        if (ours := trained[i]) and (theirs := trained[j]):
            methods |= _models(scene, cells, ours, theirs, keep_reliable, seed)
        pair = {"target": target.name, "interferer": voices[j].name}
        for name in names:
            what = f"{target.name} under {voices[j].name}: {name}"
            progress(what, len(voices) + len(items), total)
            condition = run_condition(name, methods[name], cells, scene)
            items.append(_item(condition, pair))
            if name == "spectramend":
                drawings.append(_drawing(condition, pair))
    progress("done", total, total)
    settings = {
        "seed": seed,
        "keep_reliable": keep_reliable,
        "voices": [voice.name for voice in voices],
        "transform": described(STFT_OF_OURS),
        "sr": SR,
    }
    rows = mean_rows(items, MEASURES)
    return Result("voices", settings, tuple(rows), tuple(items), LAYOUT, tuple(drawings))


def _item(condition: Condition, pair: dict[str, str]) -> Row:
    """Say how a condition did on a pair."""
    measures = {key: condition.row[key] for key in MEASURES}
    return {"condition": condition.name, "group": "all", **pair, **measures}


def _drawing(condition: Condition, pair: dict[str, str]) -> Drawing:
    """Draw what a condition made of a pair."""
    under = "{target}_under_{interferer}.png".format(**pair)
    caption = "{target} under {interferer}: mix, mask, our default, and the target.".format(**pair)
    return Drawing(under, caption, partial(condition.panels, SR))


def mix_voices(target: NDArray[Any], interferer: NDArray[Any]) -> Scene:
    """Put a voice over another one, at equal energy.

    Parameters
    ----------
    target : ndarray [shape=(n,)]
        The voice to restore.
    interferer : ndarray [shape=(m,)]
        The other one; repeated or cut to length n.

    Returns
    -------
    Scene
        The sounds.

    Examples
    --------
    >>> mix_voices(np.array([3.0, 0.0, 4.0]), np.array([1.0, 0.0])).interferer.round(2).tolist()
    [3.54, 0.0, 3.54]
    """
    N = np.resize(interferer, target.size)
    N = N * np.sqrt(np.sum(target**2) / np.sum(N**2))
    return Scene(target, N, target + N, SR)


def _oracles(scene: Scene, cells: Cells) -> dict[str, Method]:
    """Give the conditions that need no dictionary, as functions that return samples."""
    T, X, observed = cells.T, cells.X, cells.mask.observed
    length = scene.mix.size

    def wiener() -> NDArray[Any]:
        N = cells.stft.forward(scene.interferer)
        power = np.maximum(np.abs(T) ** 2 + np.abs(N) ** 2, np.finfo(np.float64).tiny)
        Y = np.where(observed, X, X * np.abs(T) ** 2 / power)
        return cells.stft.inverse(Y, length=length)

    def ceiling() -> NDArray[Any]:
        Y = np.where(observed, X, np.abs(T) * unit_phase(X))
        # Without momentum, as in the trial whose figures these are; 0.99 gains 0.3 dB.
        Y = griffin_lim(
            Y, observed, stft=cells.stft, length=length, n_iter=CEILING_ITERATIONS, momentum=0.0
        )
        return cells.stft.inverse(Y, length=length)

    return {
        "mix": lambda: scene.mix,
        "ibm_only": lambda: cells.stft.inverse(X * observed, length=length),
        "wiener_oracle": wiener,
        "ceiling_magnitude": ceiling,
    }


def _models(
    scene: Scene,
    cells: Cells,
    target: _Trained,
    interferer: _Trained,
    keep_reliable: bool,
    seed: int,
) -> dict[str, Method]:
    """Give the conditions that need dictionaries, as functions that return samples."""
    X, length = cells.X, scene.mix.size

    def notebook() -> NDArray[Any]:
        W = target.notebook.W
        H = np.abs(np.random.default_rng(seed).standard_normal((W.shape[1], X.shape[1])))
        V_hat = fit_as_notebook(np.abs(X).astype(np.float32), W, H, cells.mask.observed)
        return cells.stft.inverse(V_hat * unit_phase(X), length=length)

    def ours(mask: Mask) -> NDArray[Any]:
        fixed = repair(
            scene.mix,
            scene.sr,
            mask,
            dictionary=target.filling,
            keep_reliable=keep_reliable,
            rng=seed,
        )
        return fixed.samples

    def estimate() -> Mask:
        return estimate_mask(
            X,
            target=target.separating,
            interferer=interferer.separating,
            stft=cells.stft,
            sr=scene.sr,
            rng=seed,
        )

    return {
        "notebook_masked": notebook,
        "spectramend": lambda: ours(cells.mask),
        "estimated_mask_only": lambda: cells.stft.inverse(X * estimate().observed, length=length),
        "estimated_mask_spectramend": lambda: ours(estimate()),
    }


def _training(paths: list[Path]) -> tuple[NDArray[Any], ...]:
    """Read recordings until there is enough to train on; the last is cut."""
    signals: list[NDArray[Any]] = []
    left = TRAINING_SECONDS * SR
    for path in paths:
        if left < STFT_OF_OURS.n_fft:
            break
        signals.append(_read(path)[:left])
        left -= signals[-1].size
    return tuple(signals)


def _read(path: Path) -> NDArray[Any]:
    """Read a recording as one channel at 16 kHz."""
    x = resampled(*read_mono(path), SR)
    if x.size < STFT_OF_OURS.n_fft:
        raise AudioError(
            f"{path}: has {x.size} samples at {SR} Hz, fewer than a frame of {STFT_OF_OURS.n_fft}; "
            f"remove it."
        )
    if not x.any():
        raise AudioError(f"{path}: is digital silence; remove it.")
    return x
