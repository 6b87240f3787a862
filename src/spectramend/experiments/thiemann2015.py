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
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spectramend import audio
from spectramend.dictionary import Dictionary
from spectramend.errors import AudioError, FileError, ParameterError
from spectramend.experiments.conditions import (
    FIT_ITERATIONS,
    NOTEBOOK_TRAINING,
    STFT_OF_OURS,
    Cells,
    Condition,
    Progress,
    Scene,
    fit_as_notebook,
    run_condition,
)
from spectramend.masks import Mask
from spectramend.nmf import encode, update
from spectramend.phase import griffin_lim, unit_phase
from spectramend.restoration import repair
from spectramend.stft import STFT
from spectramend.synthesis import complete

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
ADAPT_AFTER = 91  # H updates before the line that the notebook has commented out

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


@dataclass(frozen=True)
class Result:
    """All conditions, and what the figures show.

    Parameters
    ----------
    mask : {"notebook", "exact"}
        Which mask was used.
    floor_db : float
        The mask's floor under the target's loudest cell, in dB.
    scene : Scene
        The sounds.
    conditions : tuple of Condition
        The rows.
    notebook : Cells
        The scene in the notebook's transform.
    training : ndarray [shape=(F, frames)]
        Magnitudes of the training speech in the notebook's transform.
    training_model : ndarray [shape=(F, frames)]
        The notebook's dictionary fitted to them.
    inpainted : ndarray [shape=(F, N)]
        The magnitudes with which the notebook replaced the mix.
    """

    mask: MaskKind
    floor_db: float
    scene: Scene
    conditions: tuple[Condition, ...]
    notebook: Cells
    training: NDArray[Any]
    training_model: NDArray[Any]
    inpainted: NDArray[Any]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The table, a dict a row."""
        return [condition.row for condition in self.conditions]


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
    loudest = np.abs(NOTEBOOK_STFT.forward(scene.target)).max()
    floor_db = float(20 * np.log10(loudest / CELL_FLOOR))
    notebook = _see(scene, NOTEBOOK_STFT, mask, floor_db)
    ours = _see(scene, STFT_OF_OURS, mask, floor_db)

    progress("training dictionaries", 1, total)
    F_train, W = _train_as_notebook(recordings, rng)
    voice = Dictionary.train(
        [recording.samples for recording in recordings.training],
        sr=scene.sr,
        stft=STFT_OF_OURS,
        sources=[recording.source for recording in recordings.training if recording.source],
        rng=seed,
    )

    length = scene.mix.size
    # The notebook's models by condition; the last one takes up that of another row.
    V_hat: dict[str, NDArray[Any]] = {}

    def with_mix_phase(name: str, fit: Fit) -> NDArray[Any]:
        H = np.abs(rng.standard_normal((W.shape[1], notebook.X.shape[1])))
        V_hat[name] = fit(np.abs(notebook.X).astype(np.float32), W, H, notebook.mask.observed)
        return notebook.stft.inverse(V_hat[name] * unit_phase(notebook.X), length=length)

    methods: dict[str, tuple[Cells, Callable[[], NDArray[Any]]]] = {
        "mix": (notebook, lambda: scene.mix),
        "ibm_only": (
            notebook,
            lambda: notebook.stft.inverse(notebook.X * notebook.mask.observed, length=length),
        ),
        "notebook_published": (
            notebook,
            lambda: with_mix_phase("notebook_published", _fit_everything),
        ),
        "notebook_masked": (notebook, lambda: with_mix_phase("notebook_masked", _fit_masked)),
        "notebook_adapted": (notebook, lambda: with_mix_phase("notebook_adapted", _fit_adapting)),
        "notebook_masked_griffin_lim": (
            notebook,
            lambda: _expand_phase(notebook, V_hat["notebook_masked"], length),
        ),
        "ceiling_magnitude": (ours, lambda: _fill_with_truth(ours, length, rng)),
        "spectramend": (
            ours,
            lambda: repair(scene.mix, scene.sr, ours.mask, dictionary=voice, rng=seed).samples,
        ),
    }
    conditions = []
    for done, (name, (cells, method)) in enumerate(methods.items(), 2):
        progress(name, done, total)
        conditions.append(run_condition(name, method, cells, scene))
    progress("done", total, total)
    training_model = encode(F_train, W, step="heuristic", max_iter=30, tol=0, rng=rng).V_hat
    return Result(
        mask,
        floor_db,
        scene,
        tuple(conditions),
        notebook,
        F_train,
        training_model,
        V_hat["notebook_published"],
    )


def _mix(recordings: Recordings, rng: np.random.Generator) -> Scene:
    """Pad both voices to one length, add noise, and mix, as files of 32-bit floats hold it."""
    length = max(r.samples.size for r in (recordings.target, recordings.interferer))

    def noisy(x: NDArray[Any]) -> NDArray[Any]:
        padded = np.pad(x, (0, length - x.size)) + NOISE * rng.standard_normal(length)
        return padded.astype(np.float32).astype(np.float64)

    target, interferer = noisy(recordings.target.samples), noisy(recordings.interferer.samples)
    mixed = (target + MIX_GAIN * interferer).astype(np.float32).astype(np.float64)
    return Scene(target, interferer, mixed, recordings.target.sr)


def _see(scene: Scene, stft: STFT, mask: MaskKind, floor_db: float) -> Cells:
    """Transform a scene and make its ideal binary mask."""
    T, N, X = (stft.forward(x) for x in (scene.target, scene.interferer, scene.mix))
    ibm = Mask.ideal(
        T,
        N,
        gain=1.0 if mask == "notebook" else MIX_GAIN,
        mix_gain=MIX_GAIN,
        floor_db=floor_db,
        stft=stft,
        sr=scene.sr,
    )
    return Cells(stft, T, X, ibm)


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


def _fit_everything(
    V: NDArray[Any], W: NDArray[Any], H: NDArray[Any], observed: NDArray[Any]
) -> NDArray[Any]:
    """Fit activations to every cell, reliable or not, and return the model [shape=(F, N)]."""
    return fit_as_notebook(V, W, H, None)


def _fit_masked(
    V: NDArray[Any], W: NDArray[Any], H: NDArray[Any], observed: NDArray[Any]
) -> NDArray[Any]:
    """Fit activations to the reliable cells, and return the model [shape=(F, N)]."""
    return fit_as_notebook(V, W, H, observed)


def _fit_adapting(
    V: NDArray[Any], W: NDArray[Any], H: NDArray[Any], observed: NDArray[Any]
) -> NDArray[Any]:
    """Fit to every cell, and in the last iterations move W, too, under the mask [shape=(F, N)]."""
    settled = encode(
        V,
        W,
        H=H,
        step="heuristic",
        extrapolate=False,
        max_iter=ADAPT_AFTER,
        tol=0,
        check_every=ADAPT_AFTER,
    )
    H, M = settled.H, observed.astype(V.dtype)
    for i in range(ADAPT_AFTER, FIT_ITERATIONS):
        if i > ADAPT_AFTER:
            H = update(V, W, H, step="heuristic")
        W = update(V.T, H.T, W.T, M.T, step="heuristic").T
    # As in `fit_as_notebook`: frequencies that are never observed end in silence.
    return W @ H * M.any(axis=1, keepdims=True)


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
