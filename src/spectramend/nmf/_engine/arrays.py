"""The few words that NumPy and other array libraries do not share.

All numeric code of this package asks arrays where they come from and goes on in the words of the
array API standard, plus ``out=``, which NumPy and PyTorch both have. Only arrays that are not
NumPy's need the package array-api-compat.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from spectramend.errors import ParameterError

Array: TypeAlias = Any  # of NumPy, or of another library


def is_foreign(values: Any) -> bool:
    """Say whether these are the arrays of another library, such as PyTorch's tensors."""
    return not isinstance(values, np.ndarray | np.generic) and (
        hasattr(values, "__array_namespace__") or type(values).__module__.split(".")[0] == "torch"
    )


def namespace(*arrays: Any) -> Any:
    """Find the functions that fit some arrays: NumPy itself, or the array API's view of a library.

    Parameters
    ----------
    arrays : array_like
        Arrays, or anything that NumPy can turn into one.

    Returns
    -------
    module
        The namespace.

    Raises
    ------
    ParameterError
        If it takes array-api-compat, which is not there.

    Examples
    --------
    >>> namespace([1.0, 2.0]).__name__
    'numpy'
    """
    foreign = [values for values in arrays if is_foreign(values)]
    if not foreign:
        return np
    try:
        from array_api_compat import array_namespace
    except ImportError:
        raise ParameterError(
            f"{type(foreign[0]).__name__} given: pip install 'spectramend[torch]', or give NumPy's."
        ) from None
    return array_namespace(*foreign)


def as_array(xp: Any, values: ArrayLike | Array, like: Array | None = None) -> Array:
    """Turn values into an array of a library, on the device of another array if one is given."""
    if xp is np:
        return np.asarray(values)
    if like is None:
        return xp.asarray(values)
    if is_foreign(values):
        return values.to(like.device) if hasattr(values, "to") else values
    return xp.asarray(np.asarray(values), device=like.device)


def as_numpy(values: Array) -> Any:
    """Bring an array home."""
    return values.detach().cpu().numpy() if hasattr(values, "cpu") else np.asarray(values)


def is_real(xp: Any, values: Array) -> bool:
    """Say whether an array holds real numbers, integers or truth values."""
    if xp is np:
        return values.dtype.kind in "fiub"
    return bool(xp.isdtype(values.dtype, ("real floating", "integral", "bool")))


def is_floating(xp: Any, values: Array) -> bool:
    """Say whether an array holds real numbers in floating point."""
    if xp is np:
        return values.dtype.kind == "f"
    return bool(xp.isdtype(values.dtype, "real floating"))


def converted(xp: Any, values: Array, dtype: Any) -> Array:
    """Convert an array to another type of number; nothing is copied where it has that already."""
    return xp.asarray(values, dtype=dtype)


def boolean(xp: Any) -> Any:
    """Name the type of truth values."""
    return np.bool_ if xp is np else xp.bool


def concatenated(xp: Any, parts: list[Array], axis: int = 0) -> Array:
    """Join arrays; NumPy knows the standard's name of this only since version 2."""
    return (np.concatenate if xp is np else xp.concat)(parts, axis=axis)


def copied(xp: Any, values: Array, dtype: Any) -> Array:
    """Copy an array, row after row, to another type of number."""
    values = converted(xp, values, dtype)
    copy = xp.empty(values.shape, dtype=dtype, **({} if xp is np else {"device": values.device}))
    copy[...] = values
    return copy


def lies_by_frames(xp: Any, values: Array) -> bool:
    """Say whether the cells of a column of a matrix follow each other in memory."""
    strides = values.strides if xp is np else values.stride()
    return bool(0 < strides[0] < strides[1]) and 1 not in values.shape
