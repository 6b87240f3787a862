"""Metrics of an estimate against a reference: levels, spectra, intelligibility, quality.

All metrics raise `MismatchError` if the shapes differ, and `ParameterError` if a value is NaN or
infinite or the reference is silent.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectramend.core.given_arrays import on_unit_scale, plain
from spectramend.errors import MismatchError, MissingExtraError, ParameterError

PESQ_SR = 16000  # Hz, of wideband PESQ (ITU-T P.862.2)


def snr(reference: ArrayLike, estimate: ArrayLike) -> float:
    """Signal-to-noise ratio of an estimate.

    Parameters
    ----------
    reference, estimate : array_like [shape=(..., n)]
        The signal s and its estimate s_hat.

    Returns
    -------
    float
        ``10*log10(||s||**2 / ||s - s_hat||**2)`` in dB; ``inf`` where both are equal.

    Examples
    --------
    >>> round(snr([1.0, 0.0], [0.9, 0.0]), 6)
    20.0
    """
    s, s_hat = _checked_pair(reference, estimate)
    return _decibels(np.sum(s**2), np.sum((s - s_hat) ** 2))


def si_sdr(reference: ArrayLike, estimate: ArrayLike) -> float:
    """Scale-invariant signal-to-distortion ratio of an estimate.

    Parameters
    ----------
    reference, estimate : array_like [shape=(..., n)]
        The signal, up to a factor, and its estimate.

    Returns
    -------
    float
        Ratio in dB; ``-inf`` if the estimate is orthogonal to the reference.

    References
    ----------
    .. [1] J. Le Roux et al., "SDR - half-baked or well done?", ICASSP 2019, eq. 2 and 3.

    Examples
    --------
    >>> round(si_sdr([1.0, 0.0], [5.0, 0.5]), 6)
    20.0
    """
    s, s_hat = _checked_pair(reference, estimate)
    projection = s * (np.sum(s * s_hat) / np.sum(s**2))
    return _decibels(np.sum(projection**2), np.sum((s_hat - projection) ** 2))


def log_spectral_distance(
    reference: ArrayLike,
    estimate: ArrayLike,
    cells: ArrayLike | None = None,
    *,
    floor_db: float = 60.0,
) -> float:
    """Root mean square difference of two spectra in dB.

    Parameters
    ----------
    reference, estimate : array_like [shape=(F, N), complex]
        The spectrum and its estimate.
    cells : array_like [shape=(F, N), bool], optional
        Cells to compare; all if None.
    floor_db : float
        Magnitudes of both are raised to this level below the loudest cell of the reference.

    Returns
    -------
    float
        Distance in dB; NaN if there is no cell to compare.

    Examples
    --------
    >>> log_spectral_distance([[1.0, 1.0]], [[1.0, 0.1]], [[False, True]])
    20.0
    """
    T, Y = (np.abs(plain(n, z)) for n, z in (("reference", reference), ("estimate", estimate)))
    T, Y = _checked_pair(T, Y)
    counts = np.ones(T.shape, bool) if cells is None else np.asarray(cells, bool)
    if counts.shape != T.shape:
        raise MismatchError(f"cells have shape {counts.shape}, the spectra {T.shape}: make equal.")
    if not counts.any():
        return float("nan")
    floor = T.max() * 10 ** (-floor_db / 20)
    ratio = np.maximum(T[counts], floor) / np.maximum(Y[counts], floor)
    return float(np.sqrt(np.mean((20 * np.log10(ratio)) ** 2)))


def stoi(
    reference: ArrayLike, estimate: ArrayLike, *, sr: int, extended: bool = False
) -> float | None:
    """Short-time objective intelligibility, or its extended form.

    Parameters
    ----------
    reference, estimate : array_like [shape=(n,)]
        Clean speech and its estimate, one channel.
    sr : int
        Sample rate in Hz.
    extended : bool
        Whether to compute ESTOI.

    Returns
    -------
    float or None
        Intelligibility, 1 at best; None if there is too little speech.

    Raises
    ------
    MissingExtraError
        If the package `pystoi` is not installed.

    References
    ----------
    .. [1] C. H. Taal et al., IEEE Trans. ASLP 19(7), 2011.
    .. [2] J. Jensen and C. H. Taal, IEEE/ACM Trans. ASLP 24(11), 2016.
    """
    _require("pystoi")
    import warnings

    import pystoi

    s, s_hat = _checked_channels(reference, estimate)
    with warnings.catch_warnings():
        # pystoi warns, and returns 1e-5, where too few frames are speech.
        warnings.filterwarnings("error", message="Not enough STFT frames")
        try:
            return float(pystoi.stoi(s, s_hat, sr, extended=extended))
        except (RuntimeWarning, np.exceptions.AxisError):  # not even one frame
            return None


def pesq_wb(reference: ArrayLike, estimate: ArrayLike, *, sr: int) -> float | None:
    """Wideband PESQ, a predicted mean opinion score of speech quality.

    Parameters
    ----------
    reference, estimate : array_like [shape=(n,)]
        Clean speech and its estimate, one channel.
    sr : int
        Sample rate in Hz; signals of another rate than 16 kHz are resampled.

    Returns
    -------
    float or None
        Mean opinion score, 1 to 4.64; None if no utterance is found.

    Raises
    ------
    MissingExtraError
        If the package `pesq` is not installed.

    References
    ----------
    .. [1] ITU-T Recommendation P.862.2, 2007.
    """
    _require("pesq")
    from pesq import NoUtterancesError, PesqError, pesq

    s, s_hat = _checked_channels(reference, estimate)
    if sr != PESQ_SR:
        import soxr

        s, s_hat = (soxr.resample(signal, sr, PESQ_SR) for signal in (s, s_hat))
    try:
        return float(pesq(PESQ_SR, s.astype(np.float32), s_hat.astype(np.float32), "wb"))
    except (NoUtterancesError, PesqError):
        return None
    except ValueError:  # the score is NaN where the estimate is silent
        return None


def evaluate(reference: ArrayLike, estimate: ArrayLike, *, sr: int) -> dict[str, float | None]:
    """Compute every metric of waveforms that is installed.

    Parameters
    ----------
    reference, estimate : array_like [shape=(n,) or (channels, n)]
        The signal and its estimate; integers are divided by the full scale of their type.
    sr : int
        Sample rate in Hz.

    Returns
    -------
    dict
        ``snr_db, si_sdr_db, stoi, estoi, pesq_wb``; None where a package is not installed or finds
        no speech. The last three are means over the channels that are not silent.

    Examples
    --------
    >>> noise = np.random.default_rng(0).standard_normal(16000)
    >>> round(evaluate(noise, 0.9 * noise, sr=16000)["snr_db"], 6)
    20.0
    """
    s, s_hat = _checked_pair(
        on_unit_scale("reference", reference), on_unit_scale("estimate", estimate)
    )
    scores: dict[str, float | None] = {"snr_db": snr(s, s_hat), "si_sdr_db": si_sdr(s, s_hat)}
    pairs = list(zip(s.reshape(-1, s.shape[-1]), s_hat.reshape(-1, s.shape[-1]), strict=True))
    speech_metrics: tuple[tuple[str, str, Callable[..., float | None]], ...] = (
        ("stoi", "pystoi", stoi),
        ("estoi", "pystoi", partial(stoi, extended=True)),
        ("pesq_wb", "pesq", pesq_wb),
    )
    for name, package, metric in speech_metrics:
        channels = [(a, b) for a, b in pairs if a.any()] if _is_installed(package) else []
        values = [metric(a, b, sr=sr) for a, b in channels]
        known = [value for value in values if value is not None]
        scores[name] = float(np.mean(known)) if known else None
    return scores


def missing_metrics() -> list[str]:
    """Explain, a line each, which metrics cannot be computed here, and the remedy."""
    lines = []
    if not _is_installed("pystoi"):
        lines.append("stoi and estoi are empty: pip install pystoi.")
    if not _is_installed("pesq"):
        lines.append(
            "pesq_wb is empty: the package pesq is not installed; it needs a C compiler: "
            "install one (Debian: apt-get install gcc), then pip install pesq."
        )
    return lines


def _is_installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _require(package: str) -> None:
    if not _is_installed(package):
        raise MissingExtraError(f"{package} is not installed: pip install 'spectramend[metrics]'.")


def _checked_pair(reference: ArrayLike, estimate: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    """Convert two signals or spectra to float64; refuse those for which no metric is defined."""
    s, s_hat = plain("reference", reference), plain("estimate", estimate)
    s, s_hat = s.astype(np.float64, copy=False), s_hat.astype(np.float64, copy=False)
    if s.shape != s_hat.shape or s.size == 0:
        raise MismatchError(
            f"reference has shape {s.shape}, estimate {s_hat.shape}: give equal, non-empty ones."
        )
    for name, signal in (("reference", s), ("estimate", s_hat)):
        if not np.isfinite(signal).all():
            raise ParameterError(f"{name} has NaN or infinite values: no metric is defined.")
    if not s.any():
        raise ParameterError("reference is silent: no metric is defined.")
    return s, s_hat


def _checked_channels(
    reference: ArrayLike, estimate: ArrayLike
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Check two signals of one channel [shape=(n,)]."""
    s, s_hat = _checked_pair(reference, estimate)
    if s.ndim != 1:
        raise ParameterError(f"reference has shape {s.shape}: give one channel (n,).")
    return s, s_hat


def _decibels(signal: float, noise: float) -> float:
    if signal == 0:
        return -np.inf
    with np.errstate(divide="ignore"):
        return float(10 * np.log10(np.divide(signal, noise)))
