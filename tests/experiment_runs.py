"""Small runs of the experiments, made once for all tests that look at their results."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from spectramend.experiments import columns, declipping, dequantization, gaps, occlusion, voices
from spectramend.experiments._common.recordings import Recording
from spectramend.experiments._common.results import Result

NAMES = (
    "thiemann2015", "voices", "occlusion", "gaps", "columns", "declipping", "dequantization",
)  # fmt: skip
SR = 16000


def tones(seconds: float, base_hz: float = 220.0, sr: int = SR) -> NDArray[Any]:
    """Five harmonics and a little noise [shape=(n,)]."""
    n = np.arange(round(seconds * sr))
    parts = [np.sin(2 * np.pi * base_hz * k / sr * n + k) / k for k in range(1, 6)]
    return 0.2 * np.sum(parts, axis=0) + 1e-3 * np.random.default_rng(0).standard_normal(n.size)


def inharmonic(seconds: float, sr: int = SR) -> NDArray[Any]:
    """Four tones that are no harmonics of each other, and a little noise [shape=(n,)]."""
    n = np.arange(round(seconds * sr))
    parts = [np.sin(2 * np.pi * f / sr * n + f) for f in (220, 331, 550, 1234)]
    return 0.2 * np.sum(parts, axis=0) + 1e-3 * np.random.default_rng(0).standard_normal(n.size)


@cache
def small_results() -> dict[str, Result]:
    """Small runs of all experiments but that of 2015."""
    pair = [voices.Voice(name, tones(1, hz), ()) for name, hz in (("a", 220.0), ("b", 310.0))]
    scene = occlusion.Material(
        [Recording("one", tones(3.5, sr=8000), 8000, "music")],
        [Recording("hiss", np.random.default_rng(1).standard_normal(2000), 8000, "event")],
    )
    recording = [Recording("example3", tones(5), SR)]
    violin = [Recording("a08_violin", tones(4), SR), Recording("b", tones(4, 330), SR)]
    steady = [Recording(name, inharmonic(1), SR) for name in ("a08_violin", "b")]
    voiced = [Recording("one", tones(1), SR, "speech"), Recording("1", tones(1), SR, "music")]
    return {
        "voices": voices.run(pair, conditions=["mix", "ibm_only"]),
        "occlusion": occlusion.run(scene),
        "gaps": gaps.run(violin, gap_ms=[30, 20], methods=["zero", "spectramend"]),
        "columns": columns.run(recording, columns=[2, 4]),
        "declipping": declipping.run(
            steady, input_sdr_db=[3, 7], seconds=0.3, methods=["clipped", "a_spade"]
        ),
        "dequantization": dequantization.run(voiced, bits=[4], seconds=0.5, methods=["quantized"]),
    }


def result_of(name: str, request: pytest.FixtureRequest) -> Result:
    """The result of an experiment; that of 2015 is the one on the bundled voices."""
    found = small_results().get(name) or request.getfixturevalue("bundled_result")
    assert isinstance(found, Result)
    return found
