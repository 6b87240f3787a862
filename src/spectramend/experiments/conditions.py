"""What experiments share: a scene, how a method sees it, how its row is measured, and baselines."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spectramend.masks import Mask
from spectramend.metrics import evaluate, log_spectral_distance
from spectramend.nmf import encode
from spectramend.stft import STFT

Progress: TypeAlias = Callable[[str, int, int], None]

STFT_OF_OURS = STFT(n_fft=1024, hop_length=256, window="hann")
# The 2015 notebook, see `spectramend.experiments.thiemann2015`.
FIT_ITERATIONS = 100
NOTEBOOK_TRAINING: dict[str, Any] = {
    "quantity": "magnitude",
    "max_iter": 50,
    "settle": 21,
    "extrapolate": False,
}


@dataclass(frozen=True)
class Scene:
    """Both voices and their mix, of one length.

    Parameters
    ----------
    target : ndarray [shape=(n,)]
        Target voice T.
    interferer : ndarray [shape=(n,)]
        Interfering voice N.
    mix : ndarray [shape=(n,)]
        ``T + c*N``.
    sr : int
        Sample rate in Hz.
    """

    target: NDArray[Any]
    interferer: NDArray[Any]
    mix: NDArray[Any]
    sr: int


@dataclass(frozen=True)
class Cells:
    """A scene seen through a transform and its ideal binary mask.

    Parameters
    ----------
    stft : STFT
        The transform.
    T : ndarray [shape=(F, N), complex]
        Spectrum of the target.
    X : ndarray [shape=(F, N), complex]
        Spectrum of the mix.
    mask : Mask
        The ideal binary mask.
    """

    stft: STFT
    T: NDArray[Any]
    X: NDArray[Any]
    mask: Mask


@dataclass(frozen=True)
class Condition:
    """One row of a table and its sound.

    Parameters
    ----------
    name : str
        Name of the condition.
    samples : ndarray [shape=(n,)]
        What came out.
    cells : Cells
        What it worked on.
    row : dict
        Fields of the row.
    """

    name: str
    samples: NDArray[Any]
    cells: Cells
    row: dict[str, Any]


def run_condition(
    name: str, method: Callable[[], NDArray[Any]], cells: Cells, scene: Scene
) -> Condition:
    """Run a method and measure it against the target.

    Parameters
    ----------
    name : str
        Name of the condition.
    method : callable
        Returns the samples [shape=(n,)].
    cells : Cells
        What it works on; its hidden cells are those over which spectra are compared.
    scene : Scene
        Holds the target.

    Returns
    -------
    Condition
        Sound and row.
    """
    started = time.perf_counter()
    # Sounds are judged as they are written: in 32-bit floats.
    samples = method().astype(np.float32).astype(np.float64)
    seconds = time.perf_counter() - started
    scores = evaluate(scene.target, samples, sr=scene.sr)
    hidden = ~cells.mask.observed
    row = {
        "condition": name,
        "transform": f"{cells.stft.window} {cells.stft.n_fft}/{cells.stft.hop_length}",
        **{key: scores[key] for key in ("si_sdr_db", "stoi", "estoi", "pesq_wb")},
        # From the re-analysed output, not from the spectrum that was asked for.
        "lsd_hidden_db": log_spectral_distance(cells.T, cells.stft.forward(samples), hidden),
        "seconds": round(seconds, 2),
    }
    return Condition(name, samples, cells, row)


def mean_rows(
    tables: Sequence[Sequence[Mapping[str, Any]]], keys: Sequence[str]
) -> list[dict[str, Any]]:
    """Average tables that have the same conditions.

    Parameters
    ----------
    tables : sequence of sequence of mapping
        The rows of each table, with a ``condition``.
    keys : sequence of str
        Fields to average; what a table does not have does not count.

    Returns
    -------
    list of dict
        A row for each condition; none if there are no tables.

    Examples
    --------
    >>> mean_rows([[{"condition": "mix", "a": 1.0}], [{"condition": "mix", "a": None}]], ["a"])
    [{'condition': 'mix', 'a': 1.0}]
    """

    def mean(values: list[float | None]) -> float | None:
        known = [value for value in values if value is not None and np.isfinite(value)]
        return float(np.mean(known)) if known else None

    return [
        {
            "condition": rows[0]["condition"],
            **{key: mean([row[key] for row in rows]) for key in keys},
        }
        for rows in zip(*tables, strict=True)
    ]


def fit_as_notebook(
    V: NDArray[Any], W: NDArray[Any], H: NDArray[Any], observed: NDArray[Any] | None
) -> NDArray[Any]:
    """Run the last fit of the 2015 notebook: heuristic updates of the activations.

    Parameters
    ----------
    V : ndarray [shape=(F, N), >= 0]
        Magnitudes of the mix.
    W : ndarray [shape=(F, K), >= 0]
        Dictionary of magnitudes.
    H : ndarray [shape=(K, N), >= 0]
        Activations to start from.
    observed : ndarray [shape=(F, N), bool] or None
        Reliable cells; None fits all.

    Returns
    -------
    ndarray [shape=(F, N)]
        The model.
    """
    nmf = encode(
        V,
        W,
        weights=observed,
        H=H,
        step="heuristic",
        extrapolate=False,
        max_iter=FIT_ITERATIONS,
        tol=0,
        check_every=FIT_ITERATIONS,
    )
    # Where nothing is observed the notebook divides 0 by 1e-50, which ends in silence.
    return nmf.V_hat * nmf.observed_frames
