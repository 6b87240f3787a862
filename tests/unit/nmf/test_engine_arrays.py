"""What NumPy and other array libraries do not share; PyTorch where it is installed."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

from spectramend.errors import ParameterError
from spectramend.nmf._engine import arrays


class Foreign:
    """An array of a library that nothing is known of."""

    def __array_namespace__(self) -> Any: ...


def test_lists_and_scalars_are_numpys() -> None:
    for values in ([1.0], 2, np.float32(3), np.ones(2)):
        assert not arrays.is_foreign(values)
        assert arrays.namespace(values) is np
    assert arrays.is_foreign(Foreign())


def test_what_to_install_for_other_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "array_api_compat", None)
    with pytest.raises(ParameterError, match=r"Foreign given: pip install 'spectramend\[torch\]'"):
        arrays.namespace(Foreign())


@pytest.mark.parametrize(
    ("dtype", "real", "floating"),
    [("f4", True, True), ("i8", True, False), ("?", True, False), ("c8", False, False)],
)
def test_kinds_of_numbers(dtype: str, real: bool, floating: bool) -> None:
    values = np.ones(2, dtype)
    assert arrays.is_real(np, values) == real
    assert arrays.is_floating(np, values) == floating


def test_memory_order() -> None:
    matrix = np.ones((3, 4))
    assert not arrays.is_column_major(np, matrix)
    assert arrays.is_column_major(np, np.asfortranarray(matrix))
    assert not arrays.is_column_major(np, np.asfortranarray(matrix[:1]))
    copy = arrays.copied(np, np.asfortranarray(matrix), np.float32)
    assert copy.flags.c_contiguous
    assert copy.dtype == np.float32
    assert arrays.converted(np, matrix, np.float64) is matrix


def test_tensors() -> None:
    torch: Any = pytest.importorskip("torch")
    pytest.importorskip("array_api_compat")
    tensor = torch.ones(3, 4)
    xp = arrays.namespace(tensor)
    assert arrays.is_foreign(tensor)
    assert arrays.is_real(xp, tensor)
    assert arrays.is_column_major(xp, torch.ones(4, 3).T)
    assert not arrays.is_column_major(xp, tensor)
    assert arrays.as_array(xp, np.ones(2), tensor).device == tensor.device
    np.testing.assert_array_equal(arrays.as_numpy(tensor), np.ones((3, 4)))
    assert arrays.copied(xp, torch.ones(4, 3).T, xp.float64).is_contiguous()
    joined = arrays.concatenated(xp, [tensor, tensor], axis=1)
    assert tuple(joined.shape) == (3, 8)
