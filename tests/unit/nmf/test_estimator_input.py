"""Data and parameters of MaskedNMF: what is refused, and strange data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nmf_problems import hidden_cells, noisy_samples
from spectramend import MaskedNMF
from spectramend.errors import MismatchError, ParameterError

quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_components": 0}, "n_components=0: give"),
        ({"n_components": 2.5}, "n_components=2.5: give"),
        ({"n_components": "many"}, "n_components='many': give"),
        ({"init": "nndsvd"}, "nndsvd"),
        ({"init": "custom"}, "init='custom' without W and H"),
        ({"beta_loss": "euclid"}, "beta_loss='euclid': give a number, or one of 'frobenius'"),
        ({"beta_loss": float("nan")}, "beta"),
        ({"tol": -1}, "tol=-1"),
        ({"max_iter": -1}, "max_iter=-1"),
        ({"alpha_W": -0.1}, "alpha_W=-0.1: give"),
        ({"alpha_H": "other"}, "alpha_H='other': give"),
        ({"alpha_H": float("inf")}, "l1_W|l2_W|alpha_H"),
        ({"l1_ratio": 1.1}, "l1_ratio=1.1: give a number from 0 to 1"),
        ({"n_threads": 0}, "threads=0"),
        ({"random_state": "seed"}, "seed"),
    ],
    ids=str,
)
def test_parameters_that_cannot_work_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MaskedNMF(**{"n_components": 2, **options}).fit(noisy_samples())


def test_data_that_cannot_work_is_refused() -> None:
    X = noisy_samples()
    model = MaskedNMF(2, random_state=0, tol=1e-2)
    with pytest.raises(ParameterError, match=r"Negative values in data, such as -1\.0"):
        model.fit(np.where(hidden_cells(X.shape), -1, X))
    with pytest.raises(ParameterError, match="infinite cells"):
        model.fit(np.where(hidden_cells(X.shape), np.inf, X))
    with pytest.raises(ParameterError, match="no observed cell"):
        model.fit(np.full((3, 4), np.nan))
    with pytest.raises(MismatchError, match=r"weights has shape \(40,\), X \(40, 15\)"):
        model.fit(X, weights=np.ones(40))
    for bad in (-1.0, np.nan, np.inf):
        with pytest.raises(ParameterError, match="weights has cells that are not"):
            model.fit(X, weights=np.where(hidden_cells(X.shape), bad, 1))
    with pytest.raises(ParameterError, match="weights"):
        model.fit(X, weights=np.full(X.shape, "a"))
    with pytest.raises(ParameterError, match="give init='custom' with them"):
        model.fit(X, W=np.ones((40, 2)))
    custom = MaskedNMF(2, init="custom")
    with pytest.raises(MismatchError, match=r"W has shape \(40, 3\): \(40, 2\) is needed"):
        custom.fit(X, W=np.ones((40, 3)), H=np.ones((2, 15)))
    with pytest.raises(MismatchError, match=r"H has shape \(3, 15\): \(2, 15\) is needed"):
        custom.fit(X, W=np.ones((40, 2)), H=np.ones((3, 15)))
    with pytest.raises(ParameterError, match="H has cells that are not"):
        custom.fit(X, W=np.ones((40, 2)), H=-np.ones((2, 15)))
    model.fit(X)
    with pytest.raises(MismatchError, match="X has 3 columns: give 2"):
        model.inverse_transform(np.ones((4, 3)))


def well_behaved(X: Any, **options: Any) -> MaskedNMF:
    """Check what holds for any data: finite and nonnegative, of the data's type, never changed."""
    kept = np.array(X, copy=True)
    n_samples, n_features = X.shape
    model = MaskedNMF(**{"n_components": 2, "random_state": 0, **options})
    W = model.fit_transform(X)
    dtype = X.dtype if X.dtype in (np.float32, np.float64) else np.float64
    for factor, shape in (
        (W, (n_samples, model.n_components_)),
        (model.components_, (model.n_components_, n_features)),
        (model.inverse_transform(W), X.shape),
    ):
        assert factor.dtype == dtype
        assert factor.shape == shape
        assert np.isfinite(factor).all()
        assert (factor >= 0).all()
    assert np.isfinite(model.reconstruction_err_)
    np.testing.assert_array_equal(model.transform(X), W)
    np.testing.assert_array_equal(X, kept)
    return model


def huge_range() -> NDArray[np.float64]:
    return np.asarray(10.0 ** np.random.default_rng(0).uniform(-30, 30, (20, 9)))


STRANGE = {
    "zeros": np.zeros((8, 5)),
    "some zeros": np.where(hidden_cells((20, 9)), 0, noisy_samples(20, 9)),
    "zero rows and columns": noisy_samples(20, 9)
    * (np.arange(20) % 5 > 0)[:, None]
    * (np.arange(9) != 4),
    "subnormal": noisy_samples(20, 9) * 1e-310,
    "some subnormal": np.where(hidden_cells((20, 9)), 1e-310, noisy_samples(20, 9)),
    "tiny": noisy_samples(20, 9) * 1e-30,
    "huge": noisy_samples(20, 9) * 1e30,
    "huge range": huge_range(),
    "one sample": noisy_samples(1, 9),
    "one feature": noisy_samples(20, 1),
    "one cell": np.ones((1, 1)),
    "fewer samples than components": noisy_samples(3, 9)[:1].repeat(2, axis=0),
    "constant": np.full((8, 5), 3.0),
    "missing": np.where(hidden_cells((20, 9)), np.nan, huge_range()),
}


@quiet
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("beta", [2, 1, 0, -0.5])
@pytest.mark.parametrize("name", STRANGE)
def test_strange_data_has_a_finite_result(name: str, beta: float, dtype: Any) -> None:
    X = STRANGE[name]
    if dtype == np.float32 and np.nanmax(X) > 1e20 * np.nanmin(X) > 0:
        X = X**0.5  # the squares of 60 decades are beyond what single precision holds
    X = X.astype(dtype)
    n_components = 4 if name.startswith("fewer") else 2
    well_behaved(X, beta_loss=beta, n_components=n_components, max_iter=30)
    well_behaved(X, beta_loss=beta, n_components=n_components, alpha_W=0.1, max_iter=30)


@pytest.mark.parametrize("scale", [1e-30, 1e30])
@pytest.mark.parametrize("beta", [2, 1, 0])
def test_the_level_of_the_data_does_not_matter(beta: float, scale: float) -> None:
    X = noisy_samples()
    models = [well_behaved(X * s, beta_loss=beta, tol=1e-3) for s in (1.0, scale)]
    one, other = (
        m.inverse_transform(m.transform(X * s)) for m, s in zip(models, (1.0, scale), strict=True)
    )
    np.testing.assert_allclose(other / scale, one, rtol=1e-4)


def test_every_layout_has_the_same_result() -> None:
    X = (noisy_samples() * 100).astype(np.int64)
    expected = well_behaved(X.astype(np.float64), tol=1e-3)
    wide = np.zeros((80, 30))
    wide[::2, ::2] = X
    read_only = X.astype(np.float64)
    read_only.flags.writeable = False
    for given in (X, X.astype(np.uint16), np.asfortranarray(X), wide[::2, ::2], read_only):
        model = well_behaved(given, tol=1e-3)
        np.testing.assert_allclose(model.components_, expected.components_, rtol=1e-9)
    backwards = MaskedNMF(2, random_state=0, tol=1e-3).fit(read_only.tolist())
    np.testing.assert_array_equal(backwards.components_, expected.components_)


def test_single_precision_is_near_double() -> None:
    X = noisy_samples()
    double = well_behaved(X, tol=1e-3)
    single = well_behaved(X.astype(np.float32), tol=1e-3)
    assert single.reconstruction_err_ == pytest.approx(double.reconstruction_err_, rel=1e-3)


def test_threads_do_not_change_the_result() -> None:
    X = noisy_samples()
    one, two = (MaskedNMF(2, random_state=0, tol=1e-3, n_threads=n).fit(X) for n in (1, 2))
    np.testing.assert_array_equal(one.components_, two.components_)
