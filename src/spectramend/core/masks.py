"""Masks: which cells of a spectrum are reliable, and what is known of the others.

A target T is covered by an interferer N in a mix ``X = T + c*N``. An ideal binary mask keeps the
cells with ``|T| > g*|N|`` and ``|T| > floor``. Of a hidden cell it therefore says

    |T| <= (g/c) * |X - T|   or   |T| <= floor,                                      (1)

so the ratio ``r = g/c`` and the floor are stored with the mask. If T has the phase of X, the first
part begins to fail at ``|T| = r/(1+r) * |X|``; the square of that is the upper bound on the power
where one number is needed. (With other phases T may be louder, without limit for r >= 1.) Where X
is below the floor, |X| bounds |T|, too: for a louder T, the interferer would have to cancel it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectramend.core.files import check_input
from spectramend.core.given_arrays import plain
from spectramend.core.mask_files import read_cells, read_npz, transform_fields, write_npz
from spectramend.core.stft import STFT
from spectramend.errors import FileError, MismatchError, ParameterError

Damage: TypeAlias = Literal["missing", "occluded"]


@dataclass(frozen=True, eq=False)
class Mask:
    """Reliable cells of a spectrum, and what is known of the hidden ones.

    Parameters
    ----------
    observed : array_like [shape=(F, N), bool]
        True where a cell is reliable; row 0 is 0 Hz.
    damage : {"missing", "occluded"}
        Whether nothing is known of the hidden cells, or something louder was added on top.
    ratio : float, >= 0, optional
        ``g/c`` of (1), which bounds an occluded hidden cell; 1 unless `bound` is given.
    floor : float, >= 0
        Linear magnitude on the scale of the STFT below which cells are hidden in any case.
    bound : array_like [shape=(F, N), >= 0] or float, optional
        Upper bound on the power of an occluded hidden cell, in place of `ratio` and `floor`;
        ``inf`` where nothing is known.
    stft : STFT, optional
        The transform whose cells these are; needed to save the mask.
    sr : int, optional
        Sample rate in Hz; needed to save the mask.

    Raises
    ------
    ParameterError
        If values contradict each other or cannot work.
    MismatchError
        If shapes do not fit together.

    Examples
    --------
    >>> mask = Mask([[True, False]], damage="occluded", ratio=1.0)
    >>> mask.upper_bound([[4.0, 4.0]]).tolist()
    [[4.0, 4.0]]
    """

    observed: NDArray[np.bool_]
    damage: Damage = "missing"
    ratio: float | None = None
    floor: float = 0.0
    bound: NDArray[Any] | float | None = None
    stft: STFT | None = None
    sr: int | None = None

    def __post_init__(self) -> None:
        observed = plain("observed", self.observed)
        if observed.ndim != 2 or observed.size == 0:
            raise ParameterError(f"observed has shape {observed.shape}: give a matrix (F, N).")
        if observed.dtype != bool:
            if not np.isin(observed, (0, 1)).all():
                raise ParameterError("observed holds other values than True and False, or 0 and 1.")
            observed = observed.astype(bool)
        object.__setattr__(self, "observed", observed)
        if self.stft is not None and observed.shape[0] != self.stft.n_bins:
            raise MismatchError(
                f"observed has {observed.shape[0]} frequencies, but n_fft={self.stft.n_fft} gives "
                f"{self.stft.n_bins}."
            )
        if self.damage not in ("missing", "occluded"):
            raise ParameterError(f"damage={self.damage!r}: give 'missing' or 'occluded'.")
        if self.damage == "missing":
            if self.ratio is not None or self.bound is not None or self.floor:
                raise ParameterError(
                    "ratio, floor and bound say something of hidden cells: with damage='missing' "
                    "nothing is known of them; leave these out or give damage='occluded'."
                )
        elif self.bound is not None:
            self._check_bound(self.bound)
        else:
            self._check_ratio_and_floor()

    def _check_bound(self, values: ArrayLike) -> None:
        """Check the bound and make it an array [shape=(F, N)]."""
        if self.ratio is not None or self.floor:
            raise ParameterError("bound stands in place of ratio and floor: give one of them.")
        bound = plain("bound", values).astype(np.float64, copy=False)
        if bound.ndim and bound.shape != self.observed.shape:
            raise MismatchError(
                f"bound has shape {bound.shape}, observed {self.observed.shape}: make them equal."
            )
        bound = np.broadcast_to(bound, self.observed.shape)
        if not (bound >= 0).all():
            raise ParameterError("bound has negative or NaN cells: give values of at least 0.")
        object.__setattr__(self, "bound", bound)

    def _check_ratio_and_floor(self) -> None:
        """Check the ratio and the floor; the ratio is 1 by default."""
        ratio = 1.0 if self.ratio is None else self.ratio
        object.__setattr__(self, "ratio", ratio)
        for name, value in (("ratio", ratio), ("floor", self.floor)):
            if not (np.isfinite(value) and value >= 0):
                raise ParameterError(f"{name}={value}: give a finite value of at least 0.")

    @classmethod
    def ideal(
        cls,
        target: ArrayLike,
        interferer: ArrayLike,
        *,
        gain: float = 1.0,
        mix_gain: float | None = None,
        floor_db: float | None = None,
        stft: STFT | None = None,
        sr: int | None = None,
    ) -> Mask:
        """Keep the cells in which a target is louder than an interferer: the ideal binary mask.

        Parameters
        ----------
        target : array_like [shape=(F, N), complex]
            Spectrum T of the target.
        interferer : array_like [shape=(F, N), complex]
            Spectrum N of the interferer.
        gain : float, > 0
            The mask compares ``|T|`` with ``g*|N|``.
        mix_gain : float, > 0, optional
            Gain c of the interferer in the mix, ``X = T + c*N``; `gain` if None.
        floor_db : float, optional
            Cells as many decibels or more below the loudest cell of the target are hidden, too.
        stft : STFT, optional
            The transform of both spectra.
        sr : int, optional
            Sample rate in Hz.

        Returns
        -------
        Mask
            An occlusion mask with ratio ``g/c`` and floor.

        Raises
        ------
        ParameterError
            If a gain is not positive or `floor_db` is NaN.
        MismatchError
            If the spectra have different shapes.

        References
        ----------
        .. [1] D. Wang, "On ideal binary mask as the computational goal of auditory scene
           analysis", in Speech Separation by Humans and Machines, 2005.

        Examples
        --------
        >>> Mask.ideal([[1.0, 4.0]], [[2.0, 2.0]]).observed.tolist()
        [[False, True]]
        """
        T, N = np.abs(plain("target", target)), np.abs(plain("interferer", interferer))
        if T.shape != N.shape:
            raise MismatchError(
                f"target has shape {T.shape}, interferer {N.shape}: make them equal."
            )
        c = gain if mix_gain is None else mix_gain
        for name, value in (("gain", gain), ("mix_gain", c)):
            if not (np.isfinite(value) and value > 0):
                raise ParameterError(f"{name}={value}: give a positive number.")
        if floor_db is not None and not np.isfinite(floor_db):
            raise ParameterError(f"floor_db={floor_db}: give a number of decibels.")
        floor = 0.0 if floor_db is None else float(T.max(initial=0)) * 10 ** (-floor_db / 20)
        observed = (gain * N < T) & (floor < T)
        return cls(observed, "occluded", ratio=gain / c, floor=floor, stft=stft, sr=sr)

    def upper_bound(self, X: ArrayLike) -> NDArray[np.float64]:
        """Bound the power of the hidden cells, given the spectrum of the mix.

        Parameters
        ----------
        X : array_like [shape=(F, N), complex]
            Spectrum of the mix; ignored if the damage is "missing" or the mask has a bound.

        Returns
        -------
        ndarray [shape=(F, N)]
            ``max(r/(1+r)*|X|, min(floor, |X|))**2``, or the bound of the mask, or ``inf`` where
            nothing is known. The values of observed cells have no meaning.
        """
        if self.damage == "missing":
            return np.full(self.observed.shape, np.inf)
        if self.bound is not None:
            return np.asarray(self.bound)
        assert self.ratio is not None
        share = self.ratio / (1 + self.ratio)
        A = np.abs(np.asarray(X))
        return np.maximum(share * A, np.minimum(self.floor, A)) ** 2

    def nearest_allowed(self, T: ArrayLike, X: ArrayLike) -> NDArray[Any]:
        """Move hidden cells of an estimated target to the nearest values that the mask allows.

        Parameters
        ----------
        T : array_like [shape=(F, N), complex]
            The estimate.
        X : array_like [shape=(F, N), complex]
            Spectrum of the mix; ignored if the damage is "missing" or the mask has a bound.

        Returns
        -------
        ndarray [shape=(F, N), complex]
            The estimate; its hidden cells are the nearest values that satisfy (1), or the bound.

        Notes
        -----
        With ``z = T/X`` the first part of (1) is ``Re z <= 1/2`` for r = 1. Otherwise it is bounded
        by a circle about ``-r**2/(1 - r**2)`` of radius ``r/|1 - r**2|``: its inside for r < 1, its
        outside for r > 1.

        Examples
        --------
        >>> Mask([[False]], damage="occluded").nearest_allowed([[3 + 1j]], [[4.0 + 0j]]).tolist()
        [[(2+1j)]]
        """
        estimate = np.asarray(T)
        if self.damage == "missing":
            return estimate
        if self.bound is not None:
            A = np.abs(estimate)
            limit = np.minimum(A, np.sqrt(self.bound))
            shrink = np.divide(limit, A, out=np.ones_like(A), where=A > 0)
            return np.where(self.observed, estimate, estimate * shrink)
        assert self.ratio is not None
        mix, r = np.asarray(X), self.ratio
        distance = np.abs(mix - estimate)
        outside = ~self.observed & (np.abs(estimate) > np.maximum(r * distance, self.floor))
        t, x = estimate[outside], mix[outside]
        z = np.divide(t, x, out=np.zeros_like(t), where=x != 0)
        if r == 1:
            z = z - np.maximum(z.real - 0.5, 0)
        else:
            offset = z + r**2 / (1 - r**2)
            z += offset * (r / abs(1 - r**2) / np.abs(offset) - 1)
        # The nearest value of the second part of (1) may be nearer.
        at_floor = t * (self.floor / np.abs(t))
        result = estimate.copy()
        result[outside] = np.where(np.abs(at_floor - t) < np.abs(z * x - t), at_floor, z * x)
        return result

    def check_fits(self, X: NDArray[Any], *, stft: STFT, sr: int) -> None:
        """Refuse a spectrum [shape=(..., F, N)] whose shape, transform or sample rate differ."""
        if self.sr not in (None, sr):
            raise MismatchError(f"the mask was made at {self.sr} Hz, the recording has {sr} Hz.")
        if self.stft not in (None, stft):
            raise MismatchError(f"the mask was made with {self.stft}, the spectrum with {stft}.")
        if self.observed.shape != X.shape[-2:]:
            raise MismatchError(
                f"the mask has shape {self.observed.shape} (frequencies, frames), the recording "
                f"{X.shape[-2:]}."
            )

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write a mask file.

        Parameters
        ----------
        path : path-like
            The file, ending in ``.npz``.
        overwrite : bool
            Whether it may replace an existing file.

        Raises
        ------
        ParameterError
            If `stft` or `sr` of the mask is not known, or the name has another ending.
        FileError
            If the file exists or cannot be written.
        """
        if self.stft is None or self.sr is None:
            raise ParameterError("a mask file needs the mask's stft and sr: give them to Mask.")
        if not str(path).endswith(".npz"):
            raise ParameterError(f"{path}: the name of a mask file ends in .npz.")
        fields: dict[str, ArrayLike] = {"observed": self.observed, "sr": self.sr}
        fields |= transform_fields(self.stft) | {"damage": self.damage}
        if self.bound is not None:
            fields["bound"] = self.bound
        elif self.ratio is not None:
            fields |= {"ratio": self.ratio, "floor": self.floor}
        write_npz(path, fields, overwrite=overwrite)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        stft: STFT | None = None,
        sr: int | None = None,
        damage: Damage | None = None,
    ) -> Mask:
        """Read a mask file, or an array or picture that says which cells are reliable.

        Parameters
        ----------
        path : path-like
            A mask file (``.npz``), a boolean array (``.npy``), or a picture (``.png``; white =
            keep, low frequencies at the bottom).
        stft : STFT, optional
            The transform of an array or picture; that of a mask file must be equal to it.
        sr : int, optional
            Sample rate in Hz, likewise.
        damage : {"missing", "occluded"}, optional
            Needed for arrays and pictures. It replaces the damage of a mask file, whose bounds are
            dropped if they contradict it.

        Raises
        ------
        FileError
            If the file cannot be read or is not a mask.
        MismatchError
            If it does not fit `stft` or `sr`.
        """
        source = check_input(path)
        suffix = source.suffix.lower()
        if suffix == ".npz":
            mask = read_npz(source, cls)
            if stft not in (None, mask.stft):
                raise MismatchError(f"{source}: was made with {mask.stft}, not with {stft}.")
            if sr not in (None, mask.sr):
                raise MismatchError(f"{source}: was made at {mask.sr} Hz, not at {sr} Hz.")
            if damage in (None, mask.damage):
                return mask
            return replace(mask, damage=damage, ratio=None, floor=0.0, bound=None)
        if suffix not in (".npy", ".png"):
            raise FileError(f"{source}: not a mask file; give .npz, .npy or .png.")
        if damage is None:
            raise FileError(
                f"{source}: does not say what is known of hidden cells; give the damage, 'missing' "
                f"or 'occluded'."
            )
        return read_cells(source, lambda observed: cls(observed, damage, stft=stft, sr=sr))
