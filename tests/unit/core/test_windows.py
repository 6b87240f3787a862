"""Windows by their formulas; overlap-add, coverage and frame counts by loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import stft as reference
from reference.stft import CENTERED, HOPS, NAMED
from spectramend.core.stft import STFT
from spectramend.core.windows import (
    Framing,
    hashable_window,
    overlap_add,
    window_samples,
)


def samples_of(name: str, n_fft: int) -> Any:
    known = tuple(reference.window_samples(name, n_fft)) if name == "explicit" else NAMED[name]
    return window_samples(known, n_fft)


@pytest.mark.parametrize("name", list(NAMED))
@pytest.mark.parametrize("n_fft", [15, 16])
def test_windows_are_periodic_and_read_only(name: str, n_fft: int) -> None:
    w = samples_of(name, n_fft)
    np.testing.assert_allclose(w, reference.window_samples(name, n_fft), rtol=1e-12, atol=1e-16)
    with pytest.raises(ValueError, match="read-only"):
        w[0] = 1


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        ([1, 2.5], (1.0, 2.5)),
        (np.array([1.0, 2.0], np.float32), (1.0, 2.0)),
        (["kaiser", 8.0], ("kaiser", 8.0)),
        (("general_cosine", [0.5, 0.5]), ("general_cosine", (0.5, 0.5))),
    ],
)
def test_lists_and_arrays_become_tuples(window: Any, expected: tuple[Any, ...]) -> None:
    found = hashable_window(window)
    assert found == expected
    assert hash(found) == hash(expected)


def test_windows_may_take_lists_as_parameters() -> None:
    general = STFT(16, 4, ("general_cosine", [0.5, 0.5]))
    hann = reference.window_samples("hann", 16)
    np.testing.assert_allclose(general.window_samples, hann, atol=1e-15)


@settings(derandomize=True, max_examples=100, deadline=None)
@given(n_fft=st.integers(1, 9), hop_length=st.integers(1, 9), n_frames=st.integers(1, 7))
def test_overlap_add_is_a_loop(n_fft: int, hop_length: int, n_frames: int) -> None:
    frames = np.random.default_rng(0).standard_normal((2, n_frames, n_fft))
    expected = np.zeros((2, (n_frames - 1) * hop_length + n_fft))
    for t in range(n_frames):
        expected[:, t * hop_length : t * hop_length + n_fft] += frames[:, t]
    np.testing.assert_allclose(overlap_add(frames, hop_length), expected, atol=1e-14)


@pytest.mark.parametrize("name", list(NAMED))
@pytest.mark.parametrize("n_fft", [15, 16])
def test_coverage_is_a_sum_over_the_frames_that_see_a_sample(name: str, n_fft: int) -> None:
    w = samples_of(name, n_fft)
    for hop_length in HOPS[n_fft]:
        framing = Framing(w, hop_length, 0)
        within = range(4 * n_fft, 4 * n_fft + hop_length)
        steady = [reference.coverage_up_to_frame(w, hop_length, n, 5 * n_fft) for n in within]
        # Sample 4*n_fft need not be the first of a hop.
        found = framing.steady_coverage[np.arange(4 * n_fft, 4 * n_fft + hop_length) % hop_length]
        np.testing.assert_allclose(found, steady, rtol=1e-12)
        coverage = framing.coverage(20)
        inside = slice(n_fft, 20 * hop_length)
        np.testing.assert_allclose(
            coverage[inside],
            framing.steady_coverage[np.arange(coverage.size)[inside] % hop_length],
            rtol=1e-12,
        )


def test_the_coverage_of_what_no_window_sees_is_one() -> None:
    assert Framing(np.array([0.0, 1.0, 2.0]), 3, 0).coverage(2).tolist() == [1, 1, 4, 1, 1, 4]


@pytest.mark.parametrize(("name", "center"), CENTERED)
@pytest.mark.parametrize("n_fft", [15, 16])
def test_frames_are_librosas_or_just_enough_to_cover_the_end(
    name: str, n_fft: int, center: bool
) -> None:
    w = reference.window_samples(name, n_fft)
    lengths = range(1, 60)
    for hop_length in HOPS[n_fft]:
        framing = Framing(w, hop_length, n_fft // 2 if center else 0)
        expected = [
            reference.count_frames(w, hop_length, length, center=center) for length in lengths
        ]
        assert framing.count(np.array(lengths)).tolist() == expected


@pytest.mark.parametrize(("name", "center"), CENTERED)
def test_the_least_coverage_is_that_of_some_length(name: str, center: bool) -> None:
    w = reference.window_samples(name, 8)
    framing = Framing(w, 3, 4 if center else 0)
    least = min(reference.least_coverage(w, 3, length, center=center) for length in range(1, 26))
    assert framing.least_coverage() == pytest.approx(least)
