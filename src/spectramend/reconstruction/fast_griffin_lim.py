"""Phase retrieval by fast Griffin-Lim, where some cells of the spectrum are known.

A spectrum is consistent if it is that of a signal. The projection on the consistent spectra is
synthesis followed by analysis; the projection on the known values restores magnitudes and fixed
cells. Griffin-Lim alternates the two; its fast version extrapolates along the last change.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectramend.core.given_arrays import plain
from spectramend.core.stft import STFT
from spectramend.errors import MismatchError, ParameterError


def griffin_lim(
    Y: ArrayLike,
    fixed: ArrayLike,
    *,
    stft: STFT,
    length: int,
    n_iter: int = 100,
    momentum: float = 0.99,
) -> NDArray[Any]:
    """Find the phases of some cells of a spectrum by fast Griffin-Lim; the other cells stay fixed.

    Parameters
    ----------
    Y : array_like [shape=(..., F, N), complex]
        Fixed cells, and the other cells with their magnitude and a first phase.
    fixed : array_like [shape=(F, N), bool]
        True where a cell keeps its value.
    stft : STFT
        The transform.
    length : int
        Samples of the signal.
    n_iter : int, >= 0
        Iterations.
    momentum : float, >= 0
        Factor of the extrapolation along the last change; 0 is plain Griffin-Lim.

    Returns
    -------
    ndarray [shape=(..., F, N), complex]
        Spectrum with the same fixed cells and the same magnitudes.

    Raises
    ------
    MismatchError
        If the shapes do not fit `length`.
    ParameterError
        If `n_iter` or `momentum` is negative.

    References
    ----------
    .. [1] N. Perraudin, P. Balazs and P. L. Søndergaard, "A fast Griffin-Lim algorithm", WASPAA
       2013, algorithm 2. Fixed cells are our addition to its second projection.

    Examples
    --------
    >>> stft = STFT(n_fft=64, hop_length=16)
    >>> Y = stft.forward(np.sin(0.3 * np.arange(400)))
    >>> fixed = np.ones(Y.shape, bool)
    >>> fixed[:, 10] = False
    >>> guess = np.where(fixed, Y, np.abs(Y))
    >>> found = griffin_lim(guess, fixed, stft=stft, length=400)
    >>> bool(inconsistency(found, stft=stft, length=400) < 0.01)
    True
    """
    given = plain("Y", Y)
    stft.check_shape(given, length)
    is_fixed = plain("fixed", fixed).astype(bool, copy=False)
    if is_fixed.shape != given.shape[-2:]:
        raise MismatchError(f"fixed has shape {is_fixed.shape}, Y {given.shape[-2:]}: make equal.")
    for name, value in (("n_iter", n_iter), ("momentum", momentum)):
        if not (np.isfinite(value) and value >= 0):
            raise ParameterError(f"{name}={value}: give at least 0.")
    magnitude = np.abs(given)
    t = given.copy()
    previous: NDArray[Any] | None = None
    for _ in range(n_iter):
        consistent = stft.forward(stft.inverse(t, length=length))
        extrapolated = consistent
        if previous is not None:
            extrapolated = consistent + momentum * (consistent - previous)
        t = np.where(is_fixed, given, magnitude * unit_phase(extrapolated))
        previous = consistent
    return t


def unit_phase(Y: NDArray[Any]) -> NDArray[Any]:
    """Divide complex numbers by their magnitude; zeros give 1."""
    magnitude = np.abs(Y)
    return np.divide(Y, magnitude, out=np.ones_like(Y), where=magnitude > 0)


def inconsistency(Y: ArrayLike, *, stft: STFT, length: int) -> float:
    """Measure ``||Y - STFT(ISTFT(Y))|| / ||Y||`` of a spectrum (..., F, N); 0 for silence."""
    spectrum = np.asarray(Y)
    distance = np.linalg.norm(spectrum - stft.forward(stft.inverse(spectrum, length=length)))
    norm = np.linalg.norm(spectrum)
    return float(distance / norm) if norm else 0.0
