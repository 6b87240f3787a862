"""Conditions of an experiment on mixtures: run a method, and measure what it returns."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spectramend.evaluation import evaluate, log_spectral_distance, pesq_wb
from spectramend.evaluation.metrics import PESQ_SR
from spectramend.experiments._common.mixtures import MaskedSpectra, Mixture, transform_name
from spectramend.experiments._common.recordings import Recording, resampled
from spectramend.experiments._common.results import Row
from spectramend.reports.panels import Panel
from spectramend.reports.results_table import Column

Method: TypeAlias = Callable[[], NDArray[Any]]  # returns samples [shape=(n,)]

TABLE_COLUMNS = (
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
    """Output of a method and its measures."""

    name: str
    samples: NDArray[Any]  # [shape=(n,)]
    spectra: MaskedSpectra
    row: Row  # "transform" and measures

    def panels(self, sr: int) -> list[Panel]:
        """Show mix, mask, output and target."""
        stft, mask = self.spectra.stft, self.spectra.mask.observed
        output = np.abs(stft.forward(self.samples)) ** 2
        return [
            Panel("Mix, X", np.abs(self.spectra.X) ** 2, sr, stft),
            Panel("Ideal binary mask", mask, sr, stft),
            Panel("Inpainted by default", output, sr, stft),
            Panel("Target, T", np.abs(self.spectra.T) ** 2, sr, stft),
        ]


def timed(method: Method) -> tuple[NDArray[Any], float]:
    """Run a method; return its samples [shape=(n,)] and the time that it took in seconds."""
    started = time.perf_counter()
    samples = method()
    return samples, time.perf_counter() - started


def decibels(signal: float, noise: float) -> float:
    """Ratio of two energies in dB, at most 300 dB.

    Examples
    --------
    >>> decibels(100.0, 1.0)
    20.0
    """
    tiny = np.finfo(np.float64).tiny
    return float(10 * np.log10(max(signal, tiny) / max(noise, 1e-30 * signal, tiny)))


def pesq_of_speech(recording: Recording, y: NDArray[Any]) -> float | None:
    """Measure the quality of a repaired recording [shape=(n,)] at 16 kHz; None of music."""
    if recording.kind != "speech":
        return None
    pair = (resampled(z, recording.sr, PESQ_SR) for z in (recording.samples, y))
    return pesq_wb(*pair, sr=PESQ_SR)


def run_condition(name: str, method: Method, spectra: MaskedSpectra, mixture: Mixture) -> Condition:
    """Run a method and measure it; spectra are compared over the hidden cells of the mask."""
    output, seconds = timed(method)
    # Sounds are measured as they are written: in 32-bit floats.
    samples = output.astype(np.float32).astype(np.float64)
    scores = evaluate(mixture.target, samples, sr=mixture.sr)
    hidden = ~spectra.mask.observed
    # Of the transformed output, which is consistent, not of the spectrum that a method has set.
    distance = log_spectral_distance(spectra.T, spectra.stft.forward(samples), hidden)
    row = {
        "transform": transform_name(spectra.stft),
        **{key: scores[key] for key in ("si_sdr_db", "stoi", "estoi", "pesq_wb")},
        "lsd_hidden_db": distance,
        "seconds": round(seconds, 2),
    }
    return Condition(name, samples, spectra, row)
