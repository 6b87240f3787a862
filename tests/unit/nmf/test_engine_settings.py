"""Settings that cannot work are refused."""

from __future__ import annotations

import inspect
from dataclasses import fields
from typing import Any, get_type_hints

import numpy as np
import pytest
from numpy.typing import NDArray

from spectramend.errors import ParameterError
from spectramend.nmf import Penalties, encode, fit
from spectramend.nmf._engine.settings import EncodeOptions, Settings

Matrix = NDArray[Any]


@pytest.mark.parametrize("threads", [0, -1])
def test_a_number_of_threads_that_cannot_work_is_refused(threads: int) -> None:
    with pytest.raises(ParameterError, match=f"threads={threads}: give at least 1, or None"):
        fit(np.ones((3, 3)), 1, threads=threads)


def test_the_dictionary_settles_only_where_it_is_learned() -> None:
    assert [Settings(learns_W=True, settle=2).learns_W_at(n) for n in range(4)] == [0, 0, 1, 1]
    with pytest.raises(ParameterError, match="settle=2: give it to fit alone"):
        Settings(learns_W=False, settle=2)
    with pytest.raises(ParameterError, match="settle=2: give it to fit alone"):
        encode(np.ones((3, 3)), np.ones((3, 1)), settle=2)  # type: ignore[call-arg]


def test_other_keywords_are_refused() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'max_iterations'"):
        encode(np.ones((3, 3)), np.ones((3, 1)), max_iterations=2)  # type: ignore[call-arg]


def test_smoothing_excludes_the_guard() -> None:
    assert Settings(learns_W=False).is_guarded
    assert not Settings(learns_W=False, extrapolate=False).is_guarded
    assert not Settings(learns_W=False, smooth=0.5).is_guarded


@pytest.mark.parametrize(
    ("penalty", "penalizes"),
    [(0.0, False), (0.1, True), (Penalties(l1_W=1), False), (Penalties(l2_H=1), True)],
)
def test_penalties_on_activations(penalty: Any, penalizes: bool) -> None:
    assert Settings(learns_W=True, penalty=penalty).penalizes_H == penalizes


def test_keywords_are_settings_with_the_defaults_of_fit() -> None:
    defaults = {p.name: p.default for p in inspect.signature(fit).parameters.values()}
    for field in fields(Settings):
        if field.name in defaults:
            assert field.default == defaults[field.name]
    names = {field.name for field in fields(Settings)}
    assert set(get_type_hints(EncodeOptions)) == names - {"learns_W", "settle"}
    assert names - {"learns_W", "smooth"} <= set(defaults)
