"""What NumPy and other array libraries do not share.

Numeric code finds the namespace of its arrays and uses the array API standard, plus ``out=``, which
NumPy and PyTorch both have. Only arrays that are not NumPy's need the package array-api-compat.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from spectramend.core.given_arrays import hidden_by_mask, plain
from spectramend.errors import ParameterError

Array: TypeAlias = Any  # of NumPy, or of another library


def is_foreign(values: Any) -> bool:
    """Whether these are arrays of another library, such as PyTorch's tensors."""
    return not isinstance(values, np.ndarray | np.generic) and (
        hasattr(values, "__array_namespace__") or type(values).__module__.split(".")[0] == "torch"
    )


def namespace(*arrays: Any) -> Any:
    """Find the namespace of arrays: NumPy, or array-api-compat's, refused if not installed."""
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


def as_array(
    xp: Any, values: ArrayLike | Array, like: Array | None = None, *, name: str = "V"
) -> Array:
    """Convert values to an array of a library, on the device of `like` if that is given.

    A sparse matrix, or a masked array that hides a value, is refused under this name.
    """
    if xp is np:
        return plain(name, values)
    if like is None:
        return xp.asarray(values)
    if is_foreign(values):
        return values.to(like.device) if hasattr(values, "to") else values
    return xp.asarray(np.asarray(values), device=like.device)


def unmasked(
    V: ArrayLike | Array, weights: ArrayLike | Array | None
) -> tuple[ArrayLike | Array, ArrayLike | Array | None]:
    """Move what a masked array hides [shape=(F, N)] to the weights, as cells of weight 0."""
    hidden = hidden_by_mask(V)
    if hidden is None:
        return V, weights
    data = np.where(hidden, 0, np.ma.getdata(V))
    if weights is None:
        return data, ~hidden
    given = as_array(np, weights, name="weights")
    # Weights of another shape are refused where all are.
    return data, np.where(hidden, 0, given) if given.shape == hidden.shape else given


def as_numpy(values: Array) -> Any:
    """Convert an array to NumPy."""
    return values.detach().cpu().numpy() if hasattr(values, "cpu") else np.asarray(values)


def is_real(xp: Any, values: Array) -> bool:
    """Whether an array holds floating-point numbers, integers or booleans."""
    if xp is np:
        return values.dtype.kind in "fiub"
    return bool(xp.isdtype(values.dtype, ("real floating", "integral", "bool")))


def is_floating(xp: Any, values: Array) -> bool:
    """Whether an array holds real floating-point numbers."""
    if xp is np:
        return values.dtype.kind == "f"
    return bool(xp.isdtype(values.dtype, "real floating"))


def converted(xp: Any, values: Array, dtype: Any) -> Array:
    """Convert an array to a dtype, without a copy if it has that already."""
    return xp.asarray(values, dtype=dtype)


def concatenated(xp: Any, parts: list[Array], axis: int = 0) -> Array:
    """Join arrays; NumPy has the standard's name of this since version 2 only."""
    return (np.concatenate if xp is np else xp.concat)(parts, axis=axis)


def copied(xp: Any, values: Array, dtype: Any) -> Array:
    """Copy an array to a dtype, in row-major order."""
    values = converted(xp, values, dtype)
    copy = xp.empty(values.shape, dtype=dtype, **on_device_of(xp, values))
    copy[...] = values
    return copy


def on_device_of(xp: Any, like: Array) -> dict[str, Any]:
    """Give the keyword that puts a new array on the device of another."""
    return {} if xp is np else {"device": like.device}


def is_column_major(xp: Any, values: Array) -> bool:
    """Whether the cells of a matrix column follow each other in memory."""
    strides = values.strides if xp is np else values.stride()
    return bool(0 < strides[0] < strides[1]) and 1 not in values.shape
