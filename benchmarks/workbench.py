"""Shared by the programs of this folder: data, the notebook's formula, timing, tables, figures."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from spectramend import audio
from spectramend.experiments._common.mixtures import DEFAULT_STFT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Key = TypeVar("Key", bound=Hashable)

SR = 16000  # Hz
VOICES = ("item_01_MA", "item_02_MA", "item_03_MA", "item_04_MA", "item_01_ML")
NOISE = 1e-4  # RMS level added to the bundled voices, which are repeated: no two frames are alike
DATA_FLOOR = 1e-10  # relative to the mean; scikit-learn refuses zeros
# Mean of the data. scikit-learn and torchnmf keep the model above 1.2e-7, whatever the level of the
# data: at a mean of 1 that is above the floor, and their divergence rises in late iterations.
LEVEL = 1e4
INK, FAINT = "#222222", "#d9d9d9"


def notebook_update(
    V: NDArray[Any], B: NDArray[Any], C: NDArray[Any], M: NDArray[Any]
) -> NDArray[Any]:
    """Update as the 2015 notebook does, line by line, with its noise against zeros."""
    D = np.array(1.0)
    Ve = B.dot(C).dot(D)
    num = B.T.dot(V * M * (Ve ** (-2.0))).dot(D.T)
    den = B.T.dot(M * (Ve ** (-1.0))).dot(D.T)
    den = den + abs(1e-50 * np.random.randn(*den.shape))  # noqa: NPY002  # the notebook's own
    new_C = C * num / den
    return new_C + abs(1e-50 * np.random.randn(*new_C.shape))  # noqa: NPY002


def bundled_speech(names: Sequence[str], length: int, rng: np.random.Generator) -> NDArray[Any]:
    """Repeat bundled recordings, with noise, up to a length at 16 kHz [shape=(length,)]."""
    folder = files("spectramend") / "voices"
    recordings = [audio.read(str(folder / f"{name}.flac")).samples for name in names]
    return np.resize(np.concatenate(recordings), length) + NOISE * rng.standard_normal(length)


def recorded_speech(folder: Path, length: int) -> NDArray[Any]:
    """Join the first recordings of the voices, then the second ones [shape=(length,)], 16 kHz."""
    import soxr

    voices = [audio.recordings_in(voice) for voice in sorted(folder.iterdir()) if voice.is_dir()]
    parts: list[NDArray[Any]] = []
    for turn in range(max(map(len, voices))):
        for path in (voice[turn] for voice in voices if turn < len(voice)):
            sound = audio.read(path)
            x = np.atleast_2d(sound.samples)[0]
            parts.append(np.asarray(soxr.resample(x, sound.sr, SR)))
            if sum(part.size for part in parts) >= length:
                return np.concatenate(parts)[:length]
    raise SystemExit(f"{folder}: holds less than {length / SR:.0f} s of speech.")


def speech_power(n_frames: int, data: Path | None = None) -> NDArray[np.float64]:
    """Power spectrogram of speech, Hann 1024/256 [shape=(513, n_frames)].

    The speech is that of the recordings in ``data/dev/speech``, or of the bundled voices.
    """
    length = DEFAULT_STFT.hop_length * (n_frames - 1)
    x = (
        bundled_speech(VOICES, length, np.random.default_rng(0))
        if data is None
        else recorded_speech(data / "dev" / "speech", length)
    )
    return floored(np.abs(DEFAULT_STFT.forward(x)) ** 2)


def low_rank_power(
    F: int, K: int, N: int, rng: np.random.Generator | None = None
) -> NDArray[np.float64]:
    """Draw exponential noise around a model of K sparse atoms [shape=(F, N)]."""
    rng = np.random.default_rng(0) if rng is None else rng
    W, H = rng.gamma(0.3, size=(F, K)), rng.gamma(0.3, size=(K, N))
    return floored(W @ H * rng.standard_exponential((F, N)))


def floored(V: NDArray[Any]) -> NDArray[np.float64]:
    """Scale data to the mean `LEVEL`, and raise what is below `DATA_FLOOR`."""
    return LEVEL * np.maximum(V / V.mean(), DATA_FLOOR)


def single(values: NDArray[Any]) -> NDArray[np.float32]:
    """Round to single precision."""
    return values.astype(np.float32)


def random_start(
    V: NDArray[Any], K: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw factors ``|randn|`` whose product has the mean of the data."""
    W, H = (
        np.abs(rng.standard_normal((V.shape[0], K))),
        np.abs(rng.standard_normal((K, V.shape[1]))),
    )
    level = np.sqrt(V.mean() / (W @ H).mean())
    return level * W, level * H


def seconds_of(work: Callable[[], object]) -> float:
    """Time a call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def in_turns(
    calls: Mapping[Key, Callable[[], object]], *, runs: int, warm_up: int = 1
) -> dict[Key, list[float]]:
    """Time calls in turns, so that a change of the machine's speed affects all alike [seconds].

    Each turn has another random order: no call always finds the caches of the same other one.
    """
    rng = np.random.default_rng(0)
    names = list(calls)
    times: dict[Key, list[float]] = {name: [] for name in names}
    for run in range(warm_up + runs):
        for i in rng.permutation(len(names)):
            seconds = seconds_of(calls[names[i]])
            if run >= warm_up:
                times[names[i]].append(seconds)
    return times


def medians(times: Mapping[Key, Iterable[float]]) -> dict[Key, float]:
    """Take the median of each call."""
    return {name: statistics.median(values) for name, values in times.items()}


def per_iteration(few: Sequence[float], more: Sequence[float], n: int) -> float:
    """Divide the difference of calls by the `n` iterations that `more` do beyond `few` [seconds].

    Both are the fastest runs, as other processes only add to a time; the difference of medians
    would have their noise.
    """
    return (min(more) - min(few)) / n


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Format rows as a Markdown table: text first, then numbers."""
    lines = ["| " + " | ".join(heads) + " |", "|---|" + "---:|" * (len(heads) - 1)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def new_figure(width: float, height: float) -> Figure:
    """Make a figure for the screen, of a size in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=110, layout="constrained")


def plain_ticks(axis: Any, subs: tuple[float, ...] = (1,)) -> None:
    """Label a logarithmic axis with plain numbers, at these multiples of powers of ten."""
    from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

    axis.set_major_locator(LogLocator(subs=subs))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))


def tidy(ax: Any) -> None:
    """Remove the frame at the top and on the right, and draw a faint grid."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(True, which="major", color=FAINT, linewidth=0.7)
    ax.set_axisbelow(True)


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, and say so on stderr."""
    import sys

    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Software": None})
    print(f"{path}: written.", file=sys.stderr)
