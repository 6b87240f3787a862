"""Arrays as callers give them: masked and sparse ones, integers, columns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from spectramend import (
    STFT,
    Audio,
    Dictionary,
    Mask,
    MaskedNMF,
    Region,
    detect,
    evaluate,
    griffin_lim,
    inpaint,
    nmf,
    read,
    repair,
    write,
)
from spectramend.core.given_arrays import given_samples, on_unit_scale, plain
from spectramend.errors import ParameterError

SR = 8000
X = 0.5 * np.sin(0.3 * np.arange(8000))
GAP = Region(0.5, 0.505)  # samples 4000 to 4039
TRANSFORM = STFT(64, 16)


def masked(x: Any, cells: Any) -> Any:
    """Hide cells of a copy, and put a value there that must have no influence."""
    values = np.array(x)
    values[cells] = 0.9 if values.dtype.kind == "f" else 77
    hidden = np.zeros(values.shape, bool)
    hidden[cells] = True
    return np.ma.array(values, mask=hidden)


def test_masked_arrays_that_hide_nothing_are_plain() -> None:
    assert plain("x", np.ma.array([1.0, 2.0])).tolist() == [1, 2]


@pytest.mark.parametrize(
    ("dtype", "silence", "full"), [("int8", 0, 127), ("uint8", 128, 255), ("int16", 0, 32767)]
)
def test_integers_come_back_on_their_own_scale(dtype: str, silence: int, full: int) -> None:
    scale = full - silence
    whole = np.rint(scale * 2 * X + silence).astype(dtype)
    damaged = whole.copy()
    damaged[4000:4040] = silence
    fixed = repair(damaged, SR, GAP)
    assert fixed.samples.dtype == dtype
    outside = np.ones(8000, bool)
    outside[4000:4040] = False
    np.testing.assert_array_equal(fixed.samples[outside], whole[outside])
    error = fixed.samples.astype(float) - whole
    assert np.abs(error).max() <= max(2, 0.01 * scale)
    np.testing.assert_array_equal(fixed.before, damaged)


def test_what_goes_over_full_scale_is_limited() -> None:
    given = given_samples(np.zeros(4, np.int16))
    y = given.on_own_scale(np.array([1.5, -1.5, 0.5, np.nan]), np.array([0, 0, 0, 7], np.int16))
    assert y.tolist() == [32767, -32768, 16384, 7]


@pytest.mark.parametrize("dtype", ["int16", "int32", "uint8"])
def test_integers_are_detected_as_the_floats_that_they_stand_for(dtype: str) -> None:
    full = 2.0 ** (8 * np.dtype(dtype).itemsize - 1)
    zero = full if dtype == "uint8" else 0
    x = (np.rint(X * 0.9 * full) + zero).astype(dtype)
    x[4000:4160] = zero
    found = detect(x, SR)
    assert [region.label for region in found] == ["dropout"]
    assert found == detect((x - zero) / full, SR)


def test_the_scale_of_64_bit_integers_is_not_guessed() -> None:
    with pytest.raises(ParameterError, match="x has type int64, whose full scale is not known"):
        repair(np.arange(8000), SR, GAP)


def test_metrics_compare_integers_with_floats() -> None:
    coded = np.rint(X * 2**15).astype(np.int16)
    assert evaluate(X, coded, sr=SR)["snr_db"] == pytest.approx(92, abs=3)


def test_hidden_samples_are_repaired_and_others_stay_hidden() -> None:
    x = masked(X, np.r_[4000:4040, 6000])
    fixed = repair(x, SR, GAP, context_s=0.1)
    assert fixed.jobs[0].reason == "100 % not finite"
    assert np.flatnonzero(np.ma.getmaskarray(fixed.samples)).tolist() == [6000]
    np.testing.assert_allclose(np.ma.getdata(fixed.samples)[4000:4040], X[4000:4040], atol=1e-3)
    assert np.ma.getmaskarray(x).sum() == 41  # the caller's
    assert np.ma.getmaskarray(fixed.before).sum() == 41
    assert np.isfinite(fixed.removed).all()
    assert fixed._repr_html_().count("<audio") == 2


def test_hidden_integers_are_repaired() -> None:
    coded = np.rint(X * 2**15).astype(np.int16)
    fixed = repair(masked(coded, np.r_[4000:4040]), SR, GAP)
    assert fixed.samples.dtype == np.int16
    assert np.abs(fixed.samples.astype(float) - coded).max() < 40


def test_hidden_samples_are_dropouts() -> None:
    found = detect(masked(X, np.r_[4000:4040]), SR)
    assert [str(region) for region in found] == ["0.5-0.505"]


def test_hidden_cells_of_a_spectrum_are_hidden_in_the_mask_too() -> None:
    spectrum = TRANSFORM.forward(X)
    observed = np.ones(spectrum.shape, bool)
    observed[:20, 30] = False
    options: Any = {"stft": TRANSFORM, "sr": SR, "length": X.size, "rng": 0}
    expected = inpaint(spectrum, Mask(observed), **options).samples
    given = np.ma.array(spectrum, mask=~observed)
    np.testing.assert_array_equal(inpaint(given, Mask(observed), **options).samples, expected)
    with pytest.raises(ParameterError, match="hides 20 cells which the mask calls reliable"):
        inpaint(given, Mask(np.ones_like(observed)), **options)
    with pytest.raises(ParameterError, match="X is a masked array that hides 20 values"):
        inpaint(given, Mask(observed, "occluded"), **options)


V = np.outer([1.0, 2.0, 3.0, 2.0], [1.0, 2.0, 4.0, 3.0, 1.0])


def test_masked_cells_have_no_weight() -> None:
    hidden = np.zeros(V.shape, bool)
    hidden[1, 2] = True
    wrong = np.where(hidden, 1e6, V)
    A = np.ma.array(wrong, mask=hidden)
    expected = nmf.fit(V, 1, weights=~hidden, rng=0).V_hat
    np.testing.assert_array_equal(nmf.fit(A, 1, rng=0).V_hat, expected)
    doubled = nmf.fit(V, 1, weights=2.0 * ~hidden, rng=0).V_hat
    np.testing.assert_array_equal(
        nmf.fit(A, 1, weights=np.full(V.shape, 2.0), rng=0).V_hat, doubled
    )
    W = np.array([[1.0], [2.0], [3.0], [2.0]])
    np.testing.assert_allclose(nmf.encode(A, W, rng=0).V_hat, V, rtol=1e-3)
    assert nmf.beta_divergence(A, V) == pytest.approx(0, abs=1e-12)
    model = MaskedNMF(1, random_state=0)
    np.testing.assert_allclose(model.inverse_transform(model.fit_transform(A)), V, rtol=1e-2)
    np.testing.assert_allclose(model.transform(A), model.fit_transform(A))
    integers = np.ma.array(wrong.astype(int), mask=hidden)
    np.testing.assert_allclose(
        model.fit(integers).inverse_transform(model.transform(V)), V, rtol=0.01
    )


MATRIX = np.ma.array(np.abs(V), mask=V == 4)
REFUSED: dict[str, Callable[[Any], Any]] = {
    "weights": lambda A: nmf.fit(V, 1, weights=A),
    "bound": lambda A: nmf.fit(V, 1, weights=V < 3, bound=A),
    "W": lambda A: nmf.encode(V, A),
    "observed": lambda A: Mask(A),
    "x": lambda A: TRANSFORM.forward(A),
    "X": lambda A: TRANSFORM.inverse(A, length=10),
    "Y": lambda A: griffin_lim(A, V > 1, stft=TRANSFORM, length=10),
    "reference": lambda A: evaluate(A, V, sr=SR),
    "signal": lambda A: Dictionary.train([A], sr=SR, stft=TRANSFORM),
    "samples": lambda A: write("never.wav", A, SR),
}


@pytest.mark.parametrize("name", REFUSED)
def test_no_mask_is_dropped_and_no_sparse_matrix_misread(name: str) -> None:
    with pytest.raises(ParameterError, match=f"{name} is a masked array that hides . values"):
        REFUSED[name](MATRIX)
    with pytest.raises(ParameterError, match=rf"{name} is a sparse csr_.*: give .*\.toarray\(\)"):
        REFUSED[name](sparse.csr_array(V))


def test_an_update_takes_no_mask_of_an_array() -> None:
    with pytest.raises(ParameterError, match="V is a masked array that hides 3 values"):
        nmf.update(MATRIX, np.ones((4, 1)), np.ones((1, 5)))


def test_a_recording_as_it_is_read_is_refused_with_the_remedy() -> None:
    with pytest.raises(ParameterError, match=r"x is a record, Audio: give its samples, x\.samples"):
        detect(Audio(X, SR), SR)  # type: ignore[arg-type]


def test_a_sparse_matrix_is_refused_as_data() -> None:
    S: Any = sparse.csr_array(V)
    with pytest.raises(ParameterError, match="V is a sparse"):
        nmf.fit(S, 1)
    with pytest.raises(ParameterError, match="x is a sparse"):
        detect(S, SR)
    with pytest.raises(TypeError, match="toarray"):
        MaskedNMF(1).fit(S)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: detect(x, SR),
        lambda x: repair(x, SR, GAP),
        lambda x: repair(x, SR, Mask(np.ones((33, 501), bool), stft=TRANSFORM)),
        lambda x: evaluate(x, x, sr=SR),
        lambda x: write("never.wav", x, SR),
    ],
)
def test_columns_of_samples_are_refused_with_the_remedy(call: Callable[[Any], Any]) -> None:
    with pytest.raises(ParameterError, match=r"has shape \(8000, 2\).*\(channels, n\), here .*\.T"):
        call(np.stack([X, X], axis=1))


def test_a_few_samples_of_many_channels_are_no_columns() -> None:
    assert on_unit_scale("x", np.zeros((100, 80))).shape == (100, 80)


def test_recordings_are_written_and_read_at_the_top_level(tmp_path: Any) -> None:
    coded = np.rint(X * 2**15).astype(np.int16)
    write(tmp_path / "x.wav", np.stack([coded, -coded]), SR, subtype="PCM_16")
    recording = read(tmp_path / "x.wav")
    np.testing.assert_array_equal(recording.samples, np.stack([coded, -coded]) / 2**15)
