"""Recovery from reliable cells: what they determine, its condition, and priors of the rest."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from reference import consistency as reference
from spectramend.core.stft import STFT
from spectramend.core.windows import Window
from spectramend.errors import MismatchError, ParameterError
from spectramend.reconstruction.consistent_wiener import Prior
from spectramend.reconstruction.stft_recovery import EPS, Recovery, determined_samples, recover

Array = NDArray[Any]

HANN = STFT(n_fft=2048, hop_length=512)
SMALL = STFT(n_fft=16, hop_length=4)
LENGTH = 80
laws = settings(derandomize=True, max_examples=80, deadline=None)
LEAST = 1e-11  # eigenvalues of the normal matrix that count as zero, relative to the largest


@st.composite
def transforms(draw: st.DrawFn) -> STFT:
    """Windows without skirts of almost nothing, so that dense algebra has digits to spare."""
    n_fft = draw(st.integers(4, 16))
    hop_length = draw(st.integers(1, n_fft // 2))
    windows: list[Window] = ["hann", "sine", "hamming", ("kaiser", 4.0)]
    window = draw(st.sampled_from(windows))
    try:
        return STFT(n_fft, hop_length, window, draw(st.booleans()))
    except ParameterError:
        assume(False)
        raise


@st.composite
def masks(draw: st.DrawFn, *, cells: bool) -> tuple[STFT, int, Array, np.random.Generator]:
    """A transform, a length, reliable cells or columns, and a source of signals."""
    stft, length = draw(transforms()), draw(st.integers(1, 50))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape = stft.n_bins, stft.n_frames(length)
    observed = np.ones(shape, bool)
    observed[:, rng.uniform(size=shape[1]) < draw(st.sampled_from([0.0, 0.2, 0.5]))] = False
    if cells:
        observed &= rng.uniform(size=shape) > draw(st.sampled_from([0.05, 0.3, 0.6]))
    return stft, length, observed, rng


def noise(shape: tuple[int, ...], seed: int = 0) -> Array:
    """Complex noise."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


def gap(stft: STFT, length: int, start: int, k: int) -> Array:
    """Hide k columns."""
    observed = np.ones((stft.n_bins, stft.n_frames(length)), bool)
    observed[:, start : start + k] = False
    return observed


def snr_db(x: Array, y: Array) -> float:
    return float(10 * np.log10(np.sum(x**2) / np.sum((y - x) ** 2)))


def scene(cells: float = 0.3) -> tuple[Array, Array, Array]:
    """A signal, its spectrum and a mask of cells, four columns and a far corner."""
    x = np.random.default_rng(3).standard_normal(LENGTH)
    X = SMALL.forward(x)
    observed = np.random.default_rng(4).uniform(size=X.shape) > cells
    observed[:, 8:12] = False
    return x, X, observed


def assert_same(one: Recovery, other: Recovery) -> None:
    for name in ("samples", "known", "condition"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert (one.status, one.n_iter) == (other.status, other.n_iter)


# Whole columns


@laws
@given(masks(cells=False))
def test_the_condition_is_the_root_of_the_lost_coverage(scene: Any) -> None:
    stft, length, observed, _ = scene
    left = reference.coverage(stft, length, observed.all(axis=0))
    most = reference.coverage(stft, length, np.ones(observed.shape[1])).max()
    known, condition = determined_samples(observed, stft=stft, length=length, max_condition=20)
    np.testing.assert_allclose(condition[left > 0], np.sqrt(most / left[left > 0]), rtol=1e-10)
    assert np.isinf(condition[left == 0]).all()
    np.testing.assert_array_equal(known, condition <= 20)


@laws
@given(masks(cells=False))
def test_columns_determine_the_samples_outside_the_null_space(scene: Any) -> None:
    stft, length, observed, rng = scene
    values, vectors = reference.spectrum_of(observed * 1.0, stft, length)
    determined = reference.left_open(values, vectors, LEAST) < 0.5
    x = rng.standard_normal(length)
    found = recover(np.where(observed, stft.forward(x), np.nan), observed, stft=stft, length=length)
    np.testing.assert_array_equal(found.known, determined if observed.any() else False)
    assert (found.status, found.n_iter) == ("exact", 0)
    error = np.abs(found.samples - x)[found.known]
    assert (error <= 100 * EPS * found.condition[found.known]).all()
    assert (found.samples[~found.known] == 0).all()


@laws
@given(masks(cells=False))
def test_overlap_add_is_least_squares_for_a_spectrum_that_no_signal_has(scene: Any) -> None:
    stft, length, observed, rng = scene
    X = noise(observed.shape, int(rng.integers(2**32)))
    found = recover(X, observed, stft=stft, length=length)
    everywhere = np.ones(length, bool)
    best = reference.minimum(X, observed * 1.0, np.zeros(length), everywhere, stft, length)
    np.testing.assert_allclose(found.samples, best, atol=1e-9)


@pytest.mark.parametrize(("k", "unknown"), [(1, 0), (2, 0), (3, 1), (4, 513), (6, 1537)])
def test_gaps_under_a_hann_window_of_2048_every_512(k: int, unknown: int) -> None:
    x = np.random.default_rng(k).standard_normal(60000)
    X = HANN.forward(x)
    observed = gap(HANN, x.size, 20, k) & gap(HANN, x.size, 60, k)
    found = recover(np.where(observed, X, np.nan), observed, stft=HANN, length=x.size)
    assert np.sum(~found.known) == 2 * unknown
    assert snr_db(x[found.known], found.samples[found.known]) > (300 if k < 3 else 235)
    error = np.abs(found.samples - x)[found.known]
    assert (error < 10 * EPS * np.maximum(found.condition[found.known], 2)).all()
    if k < 3:
        assert snr_db(x, found.samples) > 300
    else:
        middle = 512 * 20 + 512 * (k - 1) // 2
        assert not found.known[middle]


@pytest.mark.parametrize("k", [3, 4])
def test_the_threshold_excludes_samples_that_only_skirts_of_windows_cover(k: int) -> None:
    observed = gap(HANN, 40000, 30, k)
    unknown = [
        np.sum(~determined_samples(observed, stft=HANN, length=40000, max_condition=c).known)
        for c in (1e2, 1e4, 1e5, 1e6, 1e300)
    ]
    first = 1 if k == 3 else 513
    assert unknown == [first + 144, first + 14, first + 4, first, first]


def test_the_default_threshold_leaves_out_the_skirts_of_longer_windows() -> None:
    stft = STFT(n_fft=8192, hop_length=2048)  # its outermost samples have a condition of 8e6
    known, condition = determined_samples(gap(stft, 60000, 12, 3), stft=stft, length=60000)
    np.testing.assert_array_equal(known, condition <= 1e6)
    assert np.sum(~known) == 5
    assert np.sum(np.isinf(condition)) == 1


def test_the_threshold_holds_for_recovery_and_samples_beyond_it_are_0() -> None:
    x = np.random.default_rng(0).standard_normal(40000)
    observed = gap(HANN, x.size, 30, 4)
    found = recover(HANN.forward(x), observed, stft=HANN, length=x.size, max_condition=100)
    known, condition = determined_samples(observed, stft=HANN, length=x.size, max_condition=100)
    np.testing.assert_array_equal(found.known, known)
    np.testing.assert_array_equal(found.condition, condition)
    assert np.sum(~known) == 513 + 144
    assert (found.samples[~known] == 0).all()


@pytest.mark.parametrize("start", [0, 17])
def test_columns_at_the_ends(start: int) -> None:
    x, X, _ = scene()
    observed = gap(SMALL, LENGTH, start, 4)
    found = recover(np.where(observed, X, np.inf), observed, stft=SMALL, length=LENGTH)
    lost = np.arange(9) if start == 0 else np.arange(LENGTH - 8, LENGTH)  # w[0] is 0
    np.testing.assert_array_equal(np.flatnonzero(~found.known), lost)
    np.testing.assert_allclose(found.samples[found.known], x[found.known], atol=1e-11)


def test_nothing_hidden_is_the_inverse() -> None:
    _, X, _ = scene()
    found = recover(X, np.ones(X.shape, bool), stft=SMALL, length=LENGTH)
    assert found.known.all()
    np.testing.assert_allclose(found.samples, SMALL.inverse(X, length=LENGTH), atol=1e-15)
    assert found.condition.max() < 1.1  # at the ends, which fewer frames see


def test_nothing_reliable_leaves_nothing_known() -> None:
    _, X, _ = scene()
    found = recover(X * np.nan, np.zeros(X.shape, bool), stft=SMALL, length=LENGTH)
    assert not found.known.any()
    assert (found.samples == 0).all()
    assert np.isinf(found.condition).all()
    assert found.status == "exact"


# Cells


@laws
@given(masks(cells=True))
def test_cells_determine_the_samples_outside_the_null_space(scene: Any) -> None:
    stft, length, observed, rng = scene
    values, vectors = reference.spectrum_of(observed * 1.0, stft, length)
    clear = (values <= 1e-13 * values[-1]) | (values >= 1e-6 * values[-1])
    assume(observed.any() and clear.all())
    x = rng.standard_normal(length)
    found = recover(np.where(observed, stft.forward(x), np.nan), observed, stft=stft, length=length)
    determined = reference.left_open(values, vectors, LEAST) < 1e-9
    np.testing.assert_array_equal(found.known, determined)
    np.testing.assert_allclose(found.samples[found.known], x[found.known], atol=1e-8)
    assert found.status != "max_iter"
    sure = determined_samples(observed, stft=stft, length=length).condition
    np.testing.assert_array_equal(found.condition[sure <= 10], sure[sure <= 10])
    # The diagonal of an inverse is at least one over that of the matrix.
    root = np.sqrt(np.tile((observed * 1.0).ravel(), 2))
    diagonal = np.sum((root[:, None] * reference.analysis(stft, length)) ** 2, axis=0)
    most = stft.n_fft * reference.coverage(stft, length, np.ones(observed.shape[1])).max()
    least = np.sqrt(most / diagonal[diagonal > 0])
    assert (found.condition[diagonal > 0] >= least * (1 - 1e-9)).all()


@laws
@given(masks(cells=True))
def test_cells_that_contradict_each_other_give_least_squares(scene: Any) -> None:
    stft, length, observed, rng = scene
    values, _ = reference.spectrum_of(observed * 1.0, stft, length)
    assume(observed.any() and values[0] > 1e-4 * values[-1])
    X = noise(observed.shape, int(rng.integers(2**32)))
    found = recover(X, observed, stft=stft, length=length)
    free = determined_samples(observed, stft=stft, length=length).condition > 10
    best = reference.minimum(X, observed * 1.0, found.samples, free, stft, length)
    np.testing.assert_allclose(found.samples, best, atol=1e-8)


def test_samples_that_whole_frames_determine_do_not_depend_on_damaged_frames() -> None:
    x, X, _ = scene()
    observed = gap(SMALL, LENGTH, 6, 6)
    observed[::2, 8:10] = True
    sure = determined_samples(observed, stft=SMALL, length=LENGTH).condition <= 10
    found = recover(X, observed, stft=SMALL, length=LENGTH, max_iter=1)
    assert found.status == "max_iter"
    assert found.n_iter == 1
    np.testing.assert_allclose(found.samples[sure], x[sure], atol=1e-13)
    assert not found.known[~sure].all()
    assert np.abs(found.samples - x)[found.known].max() < 1e-9


def test_a_low_threshold_moves_no_sample() -> None:
    _, X, _ = scene()
    observed = gap(SMALL, LENGTH, 6, 6)
    observed[::2, 8:10] = True
    strict, usual = (
        recover(X, observed, stft=SMALL, length=LENGTH, max_condition=c) for c in (1.5, 1e6)
    )
    np.testing.assert_array_equal(strict.samples, usual.samples)
    np.testing.assert_array_equal(strict.known, usual.condition <= 1.5)


def test_free_samples_on_both_sides_of_a_frame_are_solved_together() -> None:
    stft = STFT(n_fft=16, hop_length=1)
    observed = gap(stft, LENGTH, 20, 20) & gap(stft, LENGTH, 41, 20)  # frame 40 is whole
    observed[[1, 4, 6], 39] = observed[[2, 5, 7], 41] = True
    X = noise(observed.shape)
    prior = Prior(noise(observed.shape, 1), 1.0, 0.3)
    found = recover(X, observed, stft=stft, length=LENGTH, prior=prior, max_condition=10)
    apart = np.diff(np.flatnonzero(~found.known)).max()
    assert stft.n_fft // 2 < apart < stft.n_fft
    target, precision = np.where(observed, X, prior.mean), np.where(observed, 1 / 0.3, 1.0)
    best = reference.minimum(target, precision, found.samples, ~found.known, stft, LENGTH)
    np.testing.assert_allclose(found.samples, best, atol=1e-10)


def test_more_iterations_leave_less_unknown_and_a_loose_tolerance_more() -> None:
    _, X, observed = scene()
    unknown = [
        np.sum(~recover(X, observed, stft=SMALL, length=LENGTH, **options).known)
        for options in ({"max_iter": 5}, {"max_iter": 30}, {}, {"tol": 1e-4})
    ]
    assert unknown[0] > unknown[1] >= unknown[2] > 0
    assert unknown[3] > unknown[2]


def test_far_stretches_are_solved_apart() -> None:
    rng = np.random.default_rng(5)
    x = rng.standard_normal(400)
    X = SMALL.forward(x)
    near, far = np.ones(X.shape, bool), np.ones(X.shape, bool)
    near[2:7, 10:18] = False
    far[1:3, 60:70] = False
    both = recover(X, near & far, stft=SMALL, length=400)
    one, other = (recover(X, m, stft=SMALL, length=400) for m in (near, far))
    np.testing.assert_array_equal(both.known, one.known & other.known)
    np.testing.assert_allclose(both.samples[:150], one.samples[:150], atol=1e-13)
    np.testing.assert_allclose(both.samples[150:], other.samples[150:], atol=1e-13)
    assert both.n_iter == max(one.n_iter, other.n_iter) > other.n_iter > 0
    n = other.n_iter
    assert recover(X, far, stft=SMALL, length=400, max_iter=n).status == "converged"
    assert recover(X, near & far, stft=SMALL, length=400, max_iter=n).status == "max_iter"


def test_a_tolerance_of_0_takes_all_iterations() -> None:
    x, X, observed = scene(0.1)
    found = recover(X, observed, stft=SMALL, length=LENGTH, tol=0.0, max_iter=40)
    assert (found.status, found.n_iter) == ("max_iter", 40)
    np.testing.assert_allclose(found.samples[found.known], x[found.known], atol=1e-8)


@pytest.mark.parametrize("damage", ["columns", "cells"])
@pytest.mark.parametrize("exponent", [-900, -60, 70, 900])
@pytest.mark.parametrize("turn", [1, 1j])
def test_the_scale_does_not_matter(damage: str, exponent: int, turn: complex) -> None:
    _, X, observed = scene()
    X = turn * X.real
    if damage == "columns":
        observed = gap(SMALL, LENGTH, 5, 4)
    plain = recover(X, observed, stft=SMALL, length=LENGTH)
    scaled = recover(X * 2.0**exponent, observed, stft=SMALL, length=LENGTH)
    np.testing.assert_array_equal(scaled.samples, plain.samples * 2.0**exponent)
    np.testing.assert_array_equal(scaled.known, plain.known)


def test_silence_stays_silent() -> None:
    _, X, observed = scene()
    found = recover(0 * X, observed, stft=SMALL, length=LENGTH, prior=Prior(0, 1, 1e-6))
    assert (found.samples == 0).all()
    assert found.status == "converged"


def test_hidden_cells_are_never_used() -> None:
    _, X, observed = scene()
    prior = Prior(noise(X.shape), 1 + np.abs(X), 1e-3)
    for given_prior in (None, prior):
        found = [
            recover(
                np.where(observed, X, hidden),
                observed,
                stft=SMALL,
                length=LENGTH,
                prior=given_prior,
            )
            for hidden in (0, np.nan, 1e30 * noise(X.shape))
        ]
        assert_same(found[0], found[1])
        assert_same(found[0], found[2])
    blind = Prior(
        np.where(observed, np.nan, prior.mean), np.where(observed, 0, 1 + np.abs(X)), 1e-3
    )
    assert_same(found[0], recover(X, observed, stft=SMALL, length=LENGTH, prior=blind))


def test_the_input_stays_as_it_was_and_single_precision_is_taken() -> None:
    x, X, observed = scene()
    X32 = X.astype(np.complex64)
    before, mask = X32.copy(), observed.copy()
    X32.flags.writeable = observed.flags.writeable = False
    found = recover(X32, observed, stft=SMALL, length=LENGTH, max_condition=100)
    np.testing.assert_array_equal(X32, before)
    np.testing.assert_array_equal(observed, mask)
    assert found.samples.dtype == found.condition.dtype == np.float64
    everything = recover(X32, np.ones(X.shape, bool), stft=SMALL, length=LENGTH)
    np.testing.assert_allclose(everything.samples, x, atol=1e-6)


# Priors


@laws
@given(masks(cells=True), st.sampled_from([1e-3, 1.0, 30.0]))
def test_unknown_samples_minimise_the_weighted_squares(scene: Any, eps: float) -> None:
    stft, length, observed, rng = scene
    x = rng.standard_normal(length)
    X, mean = stft.forward(x), noise(observed.shape, int(rng.integers(2**32)))
    variance = 10 ** rng.uniform(-1, 1, observed.shape)
    prior = Prior(mean, variance, eps)
    plain = recover(X, observed, stft=stft, length=length)
    found = recover(X, observed, stft=stft, length=length, prior=prior, max_iter=2000)
    assert found.status == (
        "exact" if plain.status == "exact" and found.known.all() else "converged"
    )
    np.testing.assert_array_equal(found.known, plain.known)
    np.testing.assert_array_equal(found.condition, plain.condition)
    np.testing.assert_array_equal(found.samples[found.known], plain.samples[found.known])
    target, precision = np.where(observed, X, mean), 1 / np.where(observed, eps, variance)
    fixed = np.where(found.known, plain.samples, 0)
    best = reference.minimum(target, precision, fixed, ~found.known, stft, length)
    np.testing.assert_allclose(found.samples, best, atol=1e-8 * (1 + np.abs(best).max()))


def test_a_prior_that_is_right_fills_what_is_unknown() -> None:
    n = np.arange(40000)
    x = np.sin(0.2 * n) + 0.5 * np.sin(0.61 * n + 1)
    X = HANN.forward(x)
    observed = gap(HANN, x.size, 30, 4)
    prior = Prior(0.0, np.abs(X) ** 2 + 1e-4, 1e-8)
    empty = recover(X, observed, stft=HANN, length=x.size)
    found = recover(X, observed, stft=HANN, length=x.size, prior=prior)
    np.testing.assert_array_equal(found.samples[found.known], empty.samples[empty.known])
    assert snr_db(x, found.samples) > snr_db(x, empty.samples) + 40


def test_no_prior_is_that_of_infinite_variance_and_one_of_no_variance_decides() -> None:
    x, X, observed = scene()
    y = np.random.default_rng(9).standard_normal(LENGTH)
    plain = recover(X, observed, stft=SMALL, length=LENGTH)
    nothing = recover(X, observed, stft=SMALL, length=LENGTH, prior=Prior(0, np.inf, 1.0))
    np.testing.assert_array_equal(nothing.samples[plain.known], plain.samples[plain.known])
    hidden = np.zeros(X.shape, bool)
    sure = recover(X, hidden, stft=SMALL, length=LENGTH, prior=Prior(SMALL.forward(y), 1e-9, 1.0))
    np.testing.assert_allclose(sure.samples, y, atol=1e-12)
    assert not sure.known.any()
    assert plain.known.any()
    np.testing.assert_allclose(plain.samples[plain.known], x[plain.known], atol=1e-8)


@pytest.mark.parametrize("exponent", [-900, 900])
def test_the_scale_of_a_prior_does_not_matter(exponent: int) -> None:
    _, X, observed = scene()
    mean, variance = noise(X.shape), 1 + np.abs(X)
    plain, scaled, louder = (
        recover(spectrum, observed, stft=SMALL, length=LENGTH, prior=prior)
        for spectrum, prior in (
            (0 * X, Prior(mean, variance, 0.5)),
            (0 * X, Prior(mean, variance * 2.0**exponent, 0.5 * 2.0**exponent)),
            (0 * X, Prior(mean * 2.0**exponent, variance, 0.5)),
        )
    )
    assert_same(plain, scaled)
    np.testing.assert_array_equal(louder.samples, plain.samples * 2.0**exponent)
    assert plain.samples.any()


@pytest.mark.parametrize(
    ("eps", "variance"), [(1e-300, 1e300), (1e300, 1e-300), (1.0, 1.0), (5e-324, 5e-324)]
)
def test_extreme_priors_give_finite_samples(eps: float, variance: float) -> None:
    _, X, observed = scene()
    for mean in (0, 1e300, 1e-300):
        prior = Prior(mean, variance, eps)
        found = recover(X, observed, stft=SMALL, length=LENGTH, prior=prior)
        assert np.isfinite(found.samples).all()


def test_iterations_of_both_stages_count() -> None:
    _, X, observed = scene()
    plain = recover(X, observed, stft=SMALL, length=LENGTH)
    found = recover(X, observed, stft=SMALL, length=LENGTH, prior=Prior(0, 1.0, 1.0))
    assert found.n_iter > plain.n_iter > 0


# What is refused


def test_shapes_that_do_not_fit_are_refused() -> None:
    _, X, observed = scene()
    for bad in (observed[:, 1:], observed[1:], observed[None], observed[0]):
        with pytest.raises(MismatchError, match=r"shape \("):
            determined_samples(bad, stft=SMALL, length=LENGTH)
        with pytest.raises(MismatchError, match=r"shape \("):
            recover(X, bad, stft=SMALL, length=LENGTH)
    for spectrum in (X[:, 1:], X[None], X[0]):
        with pytest.raises(MismatchError, match="X has shape") as caught:
            recover(spectrum, observed, stft=SMALL, length=LENGTH)
        assert "\n" not in str(caught.value)
    with pytest.raises(MismatchError, match=r"prior\.mean has shape \(9,\)"):
        recover(X, observed, stft=SMALL, length=LENGTH, prior=Prior(np.zeros(9), 1, 1))
    with pytest.raises(MismatchError, match=r"prior\.variance has shape"):
        recover(X, observed, stft=SMALL, length=LENGTH, prior=Prior(0, np.ones((9, 1)), 1))


@pytest.mark.parametrize("value", [np.nan, np.inf, complex(0, np.nan)])
def test_reliable_cells_that_are_not_finite_are_refused(value: complex) -> None:
    _, X, observed = scene()
    X[tuple(np.argwhere(observed)[5])] = value
    with pytest.raises(ParameterError, match="X has 1 reliable cells that are not finite"):
        recover(X, observed, stft=SMALL, length=LENGTH)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_condition": 0.9}, r"max_condition=0\.9: give at least 1"),
        ({"max_condition": np.nan}, "max_condition=nan"),
        ({"max_condition": np.inf}, "max_condition=inf: give at least 1, and no infinity"),
        ({"max_iter": 0}, r"max_iter=0: give at least 1\."),
        ({"tol": -1e-3}, r"tol=-0\.001: give a number from 0 to 1"),
        ({"tol": 1.0}, "tol=1"),
        ({"tol": np.nan}, "tol=nan"),
        ({"prior": Prior(np.nan, 1, 1)}, r"prior\.mean has hidden cells that are not finite"),
        ({"prior": Prior(0, 0, 1)}, r"prior\.variance has hidden cells that are not positive"),
        ({"prior": Prior(0, np.nan, 1)}, r"prior\.variance has hidden cells"),
        ({"prior": Prior(0, 1, 0)}, r"prior\.noise=0: give a positive number"),
        ({"prior": Prior(0, 1, np.inf)}, r"prior\.noise=inf"),
    ],
)
def test_parameters_that_cannot_work_are_refused(options: dict[str, Any], message: str) -> None:
    _, X, observed = scene()
    with pytest.raises(ParameterError, match=message):
        recover(X, observed, stft=SMALL, length=LENGTH, **options)


def test_determined_samples_refuses_conditions_under_1() -> None:
    _, X, _ = scene()
    with pytest.raises(ParameterError, match="max_condition=0"):
        determined_samples(np.ones(X.shape), stft=SMALL, length=LENGTH, max_condition=0)


def test_the_lower_of_two_minima_is_kept_where_neither_converges() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal(2000)
    stft = STFT(n_fft=64, hop_length=16)
    X = stft.forward(x)
    observed = np.ones(X.shape, bool)
    observed[:20, 40:60] = False
    prior = Prior(0.0, np.abs(X) ** 2 + 1e-3, 1e-4)

    def started(guess: NDArray[Any] | None) -> Recovery:
        started_at = replace(prior, guess=guess)
        return recover(X, observed, stft=stft, length=2000, prior=started_at, max_iter=3)

    cold, good, bad = (started(g) for g in (None, x, 1e6 * rng.standard_normal(2000)))
    known = cold.known
    assert 0 < known.sum() < 2000
    np.testing.assert_array_equal(bad.samples, cold.samples)
    np.testing.assert_array_equal(good.samples[known], cold.samples[known])
    assert snr_db(x, good.samples) > snr_db(x, cold.samples) + 3
    for guess in (x[1:], np.where(known, x, np.nan)):
        with pytest.raises(MismatchError, match=r"guess has shape .*: give a vector of 2000"):
            started(guess)
