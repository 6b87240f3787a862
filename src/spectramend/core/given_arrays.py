"""Arrays as callers give them: masked and sparse ones, and samples on scales of their own.

Conversion by ``np.asarray`` drops the mask of a masked array without a word, and makes an object of
a sparse matrix. What takes arrays therefore honours a mask, or calls `plain`, which refuses both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectramend.errors import ParameterError

# Codings of 8, 16 and 32 bits exist; int64 is what NumPy makes of lists and sums, of any scale.
SAMPLE_BYTES = 4  # bytes of an integer sample at most; engineering choice: see above
# Channels. Engineering choice: more than recorders have; with more columns than these, and more
# rows than columns, a matrix may be short passages of many channels.
MOST_COLUMNS = 64


def plain(name: str, values: Any) -> NDArray[Any]:
    """Make an array; ParameterError for a sparse matrix, or a masked array that hides a value."""
    refuse_sparse(name, values)
    if np.ma.is_masked(values):
        count = int(np.ma.getmaskarray(values).sum())
        raise ParameterError(
            f"{name} is a masked array that hides {count} values: fill them, {name}.filled(value)."
        )
    return np.asarray(values)


def refuse_sparse(name: str, values: Any) -> None:
    """Refuse a sparse matrix of SciPy: ParameterError."""
    if hasattr(values, "toarray") and not isinstance(values, np.ndarray):
        raise ParameterError(
            f"{name} is a sparse {type(values).__name__}: give a dense array, {name}.toarray()."
        )


def hidden_by_mask(values: Any) -> NDArray[np.bool_] | None:
    """Give which values a masked array hides, of its shape; None if it hides none."""
    return np.ma.getmaskarray(values) if np.ma.is_masked(values) else None


@dataclass(frozen=True, eq=False)
class GivenSamples:
    """Samples of a recording, on the scale of their type: floats ±1, integers that of their bits.

    The full scale of ``b`` bits is ``2**(b-1)``, and unsigned integers have their zero there.
    """

    values: NDArray[Any]  # [shape=(n,) or (channels, n)], a masked array if one was given

    @property
    def channels(self) -> NDArray[Any]:
        """One row for each channel [shape=(channels, n)]."""
        return self.values[None] if self.values.ndim == 1 else self.values

    @property
    def full_scale(self) -> float:
        """What is 1 on the ±1 scale; 1 for floats."""
        dtype = self.values.dtype
        return 1.0 if dtype.kind == "f" else 2.0 ** (8 * dtype.itemsize - 1)

    @property
    def zero(self) -> float:
        """The value of silence."""
        return self.full_scale if self.values.dtype.kind == "u" else 0.0

    def read(self, start: int, stop: int) -> NDArray[np.float64]:
        """Read on the ±1 scale, NaN where a mask hides samples [shape=(channels, stop - start)]."""
        part = self.channels[:, start:stop]
        x = np.ma.getdata(part).astype(np.float64)
        if self.values.dtype.kind != "f":
            x = (x - self.zero) / self.full_scale
        if np.ma.is_masked(part):
            x[np.ma.getmaskarray(part)] = np.nan
        return x

    def on_own_scale(self, y: NDArray[np.float64], before: NDArray[Any]) -> NDArray[Any]:
        """Convert samples from the ±1 scale; integers are rounded and limited to their range.

        What is NaN has no integer, and stays what it was `before` [all shape=(n,)].
        """
        dtype = self.values.dtype
        if dtype.kind == "f":
            return y
        limits = np.iinfo(dtype)
        known = np.where(np.isnan(y), 0.0, y)
        coded = np.clip(np.rint(known * self.full_scale + self.zero), limits.min, limits.max)
        return np.where(np.isnan(y), np.ma.getdata(before), coded.astype(dtype))

    def copy(self) -> NDArray[Any]:
        """Copy the samples [shape=(channels, n)]; floats have 32 bits at least."""
        dtype = self.values.dtype
        return self.channels.astype(
            np.result_type(dtype, np.float32) if dtype.kind == "f" else dtype
        )


def given_samples(x: ArrayLike) -> GivenSamples:
    """Check samples [shape=(n,) or (channels, n), real].

    Raises ParameterError if they are empty, sparse, of another shape or type, or lie in columns
    (n, channels).

    >>> given_samples(np.array([-32768, 16384], np.int16)).read(0, 2).tolist()
    [[-1.0, 0.5]]
    """
    refuse_sparse("x", x)
    if hasattr(x, "samples") and hasattr(x, "sr"):
        raise ParameterError(f"x is a record, {type(x).__name__}: give its samples, x.samples.")
    values = x if isinstance(x, np.ma.MaskedArray) else np.asarray(x)
    if values.ndim not in (1, 2) or values.size == 0 or values.dtype.kind not in "fiu":
        raise ParameterError(
            f"x has shape {values.shape} and dtype {values.dtype}: give real samples, (n,) or "
            f"(channels, n)."
        )
    refuse_columns("x", values.shape)
    if values.dtype.kind in "iu" and values.dtype.itemsize > SAMPLE_BYTES:
        raise ParameterError(
            f"x has type {values.dtype}, whose full scale is not known: give int16 or int32 of "
            f"that full scale, or floats within ±1."
        )
    return GivenSamples(values)


def on_unit_scale(name: str, x: ArrayLike) -> NDArray[Any]:
    """Convert real samples that hide nothing to float64, integers of up to 32 bits to ±1.

    The shape stays. Raises ParameterError as `plain` and `refuse_columns` do.
    """
    values = plain(name, x)
    refuse_columns(name, values.shape)
    is_coded = values.dtype.kind in "iu" and values.dtype.itemsize <= SAMPLE_BYTES
    if is_coded and values.ndim in (1, 2):
        return GivenSamples(values).read(0, values.shape[-1]).reshape(values.shape)
    return values.astype(np.float64, copy=False) if values.dtype.kind in "fiub" else values


def refuse_columns(name: str, shape: tuple[int, ...]) -> None:
    """Refuse samples with a column for each channel, (n, channels): ParameterError."""
    if len(shape) == 2 and shape[0] > shape[1] and 0 < shape[1] <= MOST_COLUMNS:
        raise ParameterError(
            f"{name} has shape {shape}, which is {shape[0]} channels of {shape[1]} samples: give "
            f"(channels, n), here {name}.T."
        )
