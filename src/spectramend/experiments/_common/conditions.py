"""Conditions on a mix of two voices: how one is run and measured."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spectramend.evaluation import evaluate, log_spectral_distance
from spectramend.experiments._common.results import Row
from spectramend.experiments._common.scenes import Cells, Scene, described
from spectramend.reports.panels import Panel
from spectramend.reports.results_table import Column

Method: TypeAlias = Callable[[], NDArray[Any]]

COLUMNS = (
    Column("condition", "Condition"),
    Column("transform", "Transform"),
    Column("si_sdr_db", "SI-SDR (dB)", "higher"),
    Column("stoi", "STOI", "higher"),
    Column("estoi", "ESTOI", "higher"),
    Column("pesq_wb", "PESQ-wb", "higher"),
    Column("lsd_hidden_db", "LSD hidden (dB)", "lower"),
    Column("seconds", "Time (s)"),
)


@dataclass(frozen=True)
class Condition:
    """An outcome and its sound.

    Parameters
    ----------
    name : str
        Name of the condition.
    samples : ndarray [shape=(n,)]
        What came out.
    cells : Cells
        What it worked on.
    row : dict
        ``transform`` and measures.
    """

    name: str
    samples: NDArray[Any]
    cells: Cells
    row: Row

    def panels(self, sr: int) -> list[Panel]:
        """Show what the condition made of a mix: mix, mask, outcome, target."""
        cells = self.cells
        outcome = np.abs(cells.stft.forward(self.samples)) ** 2
        return [
            Panel("Mix, X", np.abs(cells.X) ** 2, sr, cells.stft),
            Panel("Ideal binary mask", cells.mask.observed, sr, cells.stft),
            Panel("Inpainted by default", outcome, sr, cells.stft),
            Panel("Target, T", np.abs(cells.T) ** 2, sr, cells.stft),
        ]


def timed(method: Method) -> tuple[NDArray[Any], float]:
    """Run a method; give its samples and seconds."""
    started = time.perf_counter()
    samples = method()
    return samples, time.perf_counter() - started


def run_condition(name: str, method: Method, cells: Cells, scene: Scene) -> Condition:
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
    found, seconds = timed(method)
    # Sounds are measured as they are written: in 32-bit floats.
    samples = found.astype(np.float32).astype(np.float64)
    scores = evaluate(scene.target, samples, sr=scene.sr)
    hidden = ~cells.mask.observed
    row = {
        "transform": described(cells.stft),
        **{key: scores[key] for key in ("si_sdr_db", "stoi", "estoi", "pesq_wb")},
        # From the re-analysed output, not from the spectrum that was asked for.
        "lsd_hidden_db": log_spectral_distance(cells.T, cells.stft.forward(samples), hidden),
        "seconds": round(seconds, 2),
    }
    return Condition(name, samples, cells, row)
