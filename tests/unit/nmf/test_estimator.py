"""MaskedNMF: scikit-learn's conventions and objective, missing cells, weights, starts."""

from __future__ import annotations

import os
import pickle
import runpy
import subprocess
import sys
import textwrap
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import NMF
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MaxAbsScaler
from sklearn.utils.estimator_checks import check_estimator

from conftest import ROOT
from nmf_problems import hidden_cells, low_rank, noisy_samples
from spectramend import STFT, MaskedNMF
from spectramend.errors import ParameterError
from spectramend.nmf import beta_divergence, fit

quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
BETAS: list[Any] = [2, 1, 0, 0.5, 1.5, 3, -1]


def objective(model: Any, X: NDArray[Any], W: NDArray[Any], M: Any = None) -> float:
    """Evaluate what scikit-learn's documentation says is minimized."""
    H = model.components_
    n_samples, n_features = X.shape
    names: dict[Any, float] = {"frobenius": 2, "kullback-leibler": 1, "itakura-saito": 0}
    alpha_W = model.alpha_W
    alpha_H = alpha_W if model.alpha_H == "same" else model.alpha_H
    beta = names.get(model.beta_loss, model.beta_loss)
    value = beta_divergence(X, W @ H, beta=beta, weights=M)
    value += alpha_W * model.l1_ratio * n_features * np.abs(W).sum()
    value += alpha_H * model.l1_ratio * n_samples * np.abs(H).sum()
    value += 0.5 * alpha_W * (1 - model.l1_ratio) * n_features * (W**2).sum()
    value += 0.5 * alpha_H * (1 - model.l1_ratio) * n_samples * (H**2).sum()
    return float(value)


def run(program: str, **environment: str) -> str:
    """Run a program in an interpreter of its own."""
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("beta_loss", ["frobenius", "kullback-leibler", "itakura-saito"])
def test_the_defaults_converge(beta_loss: str) -> None:
    rng = np.random.default_rng(0)
    digits = load_digits().data[:400]
    digits[rng.random(digits.shape) < 0.2] = np.nan
    noisy = low_rank(200, 60, 8) * rng.gamma(20, 1 / 20, (200, 60))
    tones = np.sin(np.cumsum(np.repeat(rng.uniform(0.05, 1.5, 16), 1000))) * rng.random(16000)
    spectrogram = np.abs(STFT(512, 128).forward(tones)).T
    for X in (digits, noisy, spectrogram):
        for n_components in (4, 16):
            MaskedNMF(n_components, beta_loss=beta_loss, random_state=0).fit(X)
    MaskedNMF(beta_loss=beta_loss, random_state=0).fit(noisy)


@quiet
@pytest.mark.parametrize(
    "model",
    [
        MaskedNMF(),
        MaskedNMF(beta_loss="kullback-leibler"),
        MaskedNMF(beta_loss="itakura-saito", init="random"),
        MaskedNMF(beta_loss=3),
        MaskedNMF(beta_loss=-1),
        MaskedNMF(beta_loss=0.5, alpha_W=0.01, l1_ratio=0.5, max_iter=50),
    ],
    ids=repr,
)
def test_scikit_learn_finds_no_fault(model: MaskedNMF) -> None:
    results = check_estimator(model, on_skip=None)
    assert len(results) > 40
    others = {r["check_name"] for r in results if r["status"] != "passed"}
    assert others <= {"check_array_api_input"}  # which the next test runs


@pytest.mark.slow
def test_scikit_learn_skips_no_check() -> None:
    output = run(
        """
        from sklearn.utils.estimator_checks import check_estimator
        from spectramend import STFT, MaskedNMF
        print({r["status"] for r in check_estimator(MaskedNMF(), on_skip=None)})
        """,
        SCIPY_ARRAY_API="1",
    )
    assert output.strip() == "{'passed'}"


def test_fit_transform_is_fit_and_transform() -> None:
    X = np.where(hidden_cells((40, 15)), np.nan, noisy_samples())
    model = MaskedNMF(3, random_state=0, tol=1e-3)
    W = model.fit_transform(X)
    np.testing.assert_array_equal(W, model.transform(X))
    np.testing.assert_array_equal(W, MaskedNMF(3, random_state=0, tol=1e-3).fit(X).transform(X))
    np.testing.assert_allclose(model.inverse_transform(W), W @ model.components_)
    assert W.shape == (40, 3)
    assert model.components_.shape == (3, 15)
    assert model.n_components_ == 3
    assert model.n_features_in_ == 15
    assert 0 < model.n_iter_ < 200
    assert not hasattr(model, "feature_names_in_")


@pytest.mark.parametrize("beta", BETAS)
def test_activations_of_a_sample_do_not_depend_on_the_others(beta: float) -> None:
    X = np.where(hidden_cells((40, 15)), np.nan, noisy_samples())
    X[0] *= 10
    model = MaskedNMF(3, beta_loss=beta, random_state=0, max_iter=500).fit(X[10:])
    model.set_params(tol=0, max_iter=200)
    W = model.transform(X)
    for rows in ([3], [7, 2, 0]):
        np.testing.assert_allclose(model.transform(X[rows]), W[rows], rtol=1e-5, atol=1e-5)


def test_pandas_in_and_out() -> None:
    frame = pd.DataFrame(noisy_samples(), columns=[f"bin{i}" for i in range(15)]).mask(
        hidden_cells((40, 15))
    )
    frame.index = pd.Index(range(100, 140))
    model = MaskedNMF(2, random_state=0, tol=1e-3).set_output(transform="pandas")
    W = model.fit_transform(frame, weights=pd.DataFrame(np.ones(frame.shape)))
    assert list(W.columns) == list(model.get_feature_names_out()) == ["maskednmf0", "maskednmf1"]
    assert list(W.index) == list(frame.index)
    assert list(model.feature_names_in_) == list(frame.columns)
    pd.testing.assert_frame_equal(model.transform(frame), W)
    assert model.inverse_transform(W).shape == (40, 15)
    with pytest.raises(ValueError, match="feature names"):
        model.transform(frame[frame.columns[::-1]])


def test_copies_and_pickles() -> None:
    X = noisy_samples()
    model = MaskedNMF(2, alpha_W=0.1, random_state=3, tol=1e-3)
    assert clone(model).get_params() == model.get_params()
    W = model.fit_transform(X)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.transform(X), W)
    np.testing.assert_array_equal(clone(model).fit_transform(X), W)
    with pytest.raises(NotFittedError):
        clone(model).transform(X)
    with pytest.raises(NotFittedError):
        clone(model).inverse_transform(W)


def test_in_a_pipeline_with_weights() -> None:
    X = noisy_samples()
    hidden = hidden_cells(X.shape)
    with config_context(enable_metadata_routing=True):
        model = MaskedNMF(2, random_state=0, tol=1e-3)
        model.set_fit_request(weights=True).set_transform_request(weights=True)
        pipeline = make_pipeline(FunctionTransformer(np.sqrt), model)
        W = pipeline.fit_transform(X, weights=~hidden)
    expected = MaskedNMF(2, random_state=0, tol=1e-3).fit_transform(
        np.where(hidden, np.nan, X**0.5)
    )
    np.testing.assert_array_equal(W, expected)
    scaled = make_pipeline(MaxAbsScaler(), MaskedNMF(2, random_state=0, tol=1e-3)).fit_transform(X)
    assert scaled.shape == (40, 2)


@pytest.mark.slow
@quiet
def test_a_search_finds_the_number_of_components() -> None:
    rng = np.random.default_rng(0)
    X = low_rank(120, 30, 3) * rng.gamma(30, 1 / 30, (120, 30))
    X[hidden_cells(X.shape, 0.1)] = np.nan
    search = GridSearchCV(
        MaskedNMF(random_state=0, tol=1e-5), {"n_components": [1, 2, 3, 6, 10]}, cv=3
    )
    search.fit(X)
    assert search.best_params_ == {"n_components": 3}
    assert search.best_score_ < 0


def test_the_score_is_of_cells_that_were_hidden() -> None:
    X = noisy_samples(20, 12)
    X[7:][hidden_cells((13, 12), 0.2)] = np.nan
    X[3] = np.nan
    X[4, 1:] = np.nan  # one cell, which no other can predict
    weights = np.random.default_rng(5).gamma(2.0, size=X.shape)
    model = MaskedNMF(2, beta_loss=1, random_state=0, max_iter=500).fit(X, weights=weights)
    loss = total = 0.0
    for i in {*range(20)} - {3, 4}:
        observed = np.flatnonzero(~np.isnan(X[i]))
        for fold in range(5):
            apart = observed[np.arange(1, len(observed) + 1) % 5 == fold]
            rest = X[i].copy()
            rest[apart] = np.nan
            guess = model.transform(rest[None], weights=weights[i : i + 1]) @ model.components_
            loss += beta_divergence(X[i, apart], guess[0, apart], beta=1, weights=weights[i, apart])
            total += weights[i, apart].sum()
    assert model.score(X, weights=weights) == pytest.approx(-loss / total, rel=1e-3)
    np.testing.assert_allclose(model.score(X), model.score(X, weights=np.full(X.shape, 2.0)))
    X[5:7, 3:] = np.nan  # fewer cells than folds
    both = model.score(X[[5]]) + model.score(X[[6]])
    assert 0.5 * both == pytest.approx(model.score(X[[5, 6]]), rel=1e-2)
    with pytest.raises(ParameterError, match="two observed cells"):
        model.score(X[3:5])


def test_a_warning_says_that_iterations_did_not_suffice() -> None:
    X = noisy_samples()
    with pytest.warns(ConvergenceWarning, match="max_iter=3"):
        model = MaskedNMF(2, random_state=0, max_iter=3).fit(X)
    assert model.n_iter_ == 3
    with pytest.warns(ConvergenceWarning, match="max_iter=3"):
        model.transform(X)
    with pytest.warns(ConvergenceWarning, match="max_iter=60"):
        model = MaskedNMF(5, random_state=0, max_iter=60).fit(X)
    model.transform(X)  # which takes fewer: no warning
    MaskedNMF(2, random_state=0, max_iter=3, tol=0).fit_transform(X)  # asks for three: no warning


def test_the_seed_is_what_makes_results_repeatable() -> None:
    X = noisy_samples(120)

    def components(random_state: Any, init: Any = None) -> Any:
        model = MaskedNMF(2, init=init, random_state=random_state, max_iter=5, tol=0)
        return model.fit(X).components_

    for init in ("random", "exemplars", "sample"):
        theirs = fit(X.T, 2, beta=2, init=init, rng=7, max_iter=5, tol=0)
        np.testing.assert_array_equal(components(7, init), theirs.W.T)
    np.testing.assert_array_equal(components(7), components(7, "sample"))
    assert (components(7) != components(7, "exemplars")).any()
    state = np.random.RandomState
    np.testing.assert_array_equal(components(state(7)), components(state(7)))
    state7 = state(7)
    assert (components(state7) != components(state7)).any()
    assert (components(7) != components(8)).any()
    before = np.random.get_state()  # noqa: NPY002 - what scikit-learn takes for None
    try:
        np.random.seed(3)  # noqa: NPY002
        first = components(None)
        np.random.seed(3)  # noqa: NPY002
        np.testing.assert_array_equal(components(None), first)
    finally:
        np.random.set_state(before)  # noqa: NPY002


@pytest.mark.slow
def test_librosa_takes_it() -> None:
    import librosa  # which takes a second to load

    S = noisy_samples(30, 20).T
    model = MaskedNMF(3, beta_loss="itakura-saito", random_state=0, tol=1e-3)
    components, activations = librosa.decompose.decompose(S, transformer=model)
    np.testing.assert_array_equal(components, model.components_.T)
    np.testing.assert_array_equal(activations, model.transform(S.T).T)
    held, same = librosa.decompose.decompose(S, transformer=model, fit=False, sort=True)
    np.testing.assert_allclose(held @ same, components @ activations)


@quiet
@pytest.mark.parametrize("beta_loss", ["frobenius", "kullback-leibler", 1.5])
@pytest.mark.parametrize(
    ("alpha_W", "alpha_H", "l1_ratio"),
    [(0, "same", 0), (0.02, "same", 0), (0.02, "same", 0.5), (0.02, "same", 1), (0.03, 0.01, 0.3)],
)
def test_as_low_as_scikit_learn_comes(
    beta_loss: Any, alpha_W: float, alpha_H: Any, l1_ratio: float
) -> None:
    X = noisy_samples(25, 10)
    options = {
        "n_components": 3,
        "beta_loss": beta_loss,
        "alpha_W": alpha_W,
        "alpha_H": alpha_H,
        "l1_ratio": l1_ratio,
        "init": "custom",
        "max_iter": 3000,
        "tol": 1e-9,
    }
    rng = np.random.default_rng(0)
    start = {"W": rng.gamma(1.0, size=(25, 3)), "H": rng.gamma(1.0, size=(3, 10))}
    theirs = NMF(solver="mu", **options)
    reached = objective(theirs, X, theirs.fit_transform(X, **start))
    ours = MaskedNMF(**options)
    found = objective(ours, X, ours.fit_transform(X, **start))
    assert 0.99 * reached < found < (1 + 1e-5) * reached
    W = ours.fit_transform(X, **start)
    assert ours.reconstruction_err_ == pytest.approx(
        np.sqrt(2 * beta_divergence(X, W @ ours.components_, beta=ours._beta))
    )
    if alpha_W == 0:
        assert ours.reconstruction_err_ == pytest.approx(theirs.reconstruction_err_, rel=1e-3)


@quiet
@pytest.mark.parametrize("l1_ratio", [0, 0.5, 1])
@pytest.mark.parametrize("beta", [2, 1, 0, -1, 3])
def test_no_small_change_of_a_factor_lowers_the_objective(beta: float, l1_ratio: float) -> None:
    X, M = noisy_samples(12, 7), np.random.default_rng(2).choice([0.0, 1.0, 3.0], (12, 7))
    model = MaskedNMF(
        2,
        beta_loss=beta,
        alpha_W=0.02,
        alpha_H=0.05,
        l1_ratio=l1_ratio,
        random_state=0,
        tol=0,
        max_iter=2000,
    )
    W = model.fit_transform(X, weights=M)
    lowest = objective(model, X, W, M)
    rng = np.random.default_rng(3)
    H = model.components_
    for size in (1e-1, 1e-2, 1e-3):
        for _ in range(20):
            changed = W * np.exp(size * rng.standard_normal(W.shape))
            assert objective(model, X, changed, M) >= lowest * (1 - 1e-7)
            model.components_ = H * np.exp(size * rng.standard_normal(H.shape))
            assert objective(model, X, W, M) >= lowest * (1 - 1e-7)
            model.components_ = H


@pytest.mark.parametrize("beta", [2, 1, 0])
def test_missing_cells_of_a_low_rank_matrix_are_recovered(beta: float) -> None:
    X, hidden = low_rank(), hidden_cells((40, 15))
    model = MaskedNMF(3, beta_loss=beta, random_state=0, tol=1e-9, max_iter=20000)
    W = model.fit_transform(np.where(hidden, np.nan, X))
    error = np.abs(model.inverse_transform(W) - X)[hidden]
    assert np.median(error / X[hidden]) < 0.01
    assert model.reconstruction_err_ < 1e-2 * np.sqrt((X**2).sum())


def test_values_in_missing_cells_have_no_influence() -> None:
    X, hidden = noisy_samples(), hidden_cells((40, 15))

    def results(garbage: float, weights: Any) -> list[Any]:
        model = MaskedNMF(3, beta_loss=0, random_state=0, tol=1e-3)
        given = np.where(hidden, garbage, X)
        W = model.fit_transform(given, weights=weights)
        score = model.score(given, weights=weights)
        return [W, model.components_, model.reconstruction_err_, score]

    expected = results(np.nan, None)
    for garbage in (np.nan, 0.0, -5.0, np.inf, 1e300):
        for weights in (~hidden, (~hidden).astype(int), np.where(hidden, 0.0, 1.0).tolist()):
            for one, other in zip(results(garbage, weights), expected, strict=True):
                np.testing.assert_array_equal(one, other)


def test_weights_weigh() -> None:
    X = noisy_samples()
    weights = np.random.default_rng(4).integers(1, 4, X.shape)

    def fitted(factor: float, alpha: float) -> MaskedNMF:
        model = MaskedNMF(3, alpha_W=alpha, random_state=0, tol=0, max_iter=100)
        return model.fit(X, weights=weights * factor)

    once, twice = fitted(1, 0.01), fitted(2, 0.02)
    np.testing.assert_allclose(twice.components_, once.components_, rtol=1e-6)
    np.testing.assert_allclose(twice.reconstruction_err_, 2**0.5 * once.reconstruction_err_)
    heavy = np.ones(X.shape)
    heavy[0] = 1e4
    kept = MaskedNMF(1, random_state=0).fit(X, weights=heavy)
    error = np.abs(kept.inverse_transform(kept.transform(X))[0] - X[0])
    assert error.max() < 0.05 * X[0].max()  # the one component is all for the first sample


@quiet
@pytest.mark.parametrize("alpha", [0, 0.01])
@pytest.mark.parametrize("beta", BETAS)
def test_whole_rows_and_columns_may_be_missing(beta: float, alpha: float) -> None:
    X = noisy_samples()
    X[[4, 9]] = np.nan
    X[:, 5] = np.nan
    model = MaskedNMF(3, beta_loss=beta, alpha_W=alpha, random_state=0)
    W = model.fit_transform(X)
    assert np.isfinite(W).all()
    assert np.isfinite(model.components_).all()
    assert np.isfinite(model.reconstruction_err_)
    assert (W[[4, 9]] == 0).all()
    assert (model.components_[:, 5] == 0).all()
    assert (np.delete(W, [4, 9], axis=0).sum(axis=1) > 0).all()
    # What nothing was learned of says nothing of a sample.
    more = X.copy()
    more[:, 5] = 1e3
    np.testing.assert_array_equal(model.transform(more), W)
    assert model.score(more) == model.score(X)
    assert (model.transform(np.full((2, 15), np.nan)) == 0).all()


def test_the_start_is_the_one_that_is_given() -> None:
    X = noisy_samples()
    W, H = np.ones((40, 2)), np.random.default_rng(0).random((2, 15))
    model = MaskedNMF(init="custom", max_iter=3, tol=0).fit(X, W=W, H=H)
    assert model.n_components_ == 2
    expected = fit(X.T, W=H.T, H=W.T, beta=2, max_iter=3, tol=0)
    np.testing.assert_array_equal(model.components_, expected.W.T)
    same = MaskedNMF(2, init="custom", max_iter=3, tol=0).fit(X, W=W, H=H)
    np.testing.assert_array_equal(same.components_, model.components_)


def test_the_number_of_components_is_that_of_features_if_it_is_not_given() -> None:
    X = noisy_samples(6, 5)
    for n_components in (None, "auto"):
        model = MaskedNMF(n_components, random_state=0, tol=1e-2)
        assert model.fit_transform(X).shape == (6, 5)
        assert model.n_components_ == 5


def test_scikit_learn_is_loaded_only_for_the_estimator() -> None:
    output = run(
        """
        import sys
        import spectramend, spectramend.nmf
        assert "MaskedNMF" in dir(spectramend)
        print("sklearn" in sys.modules)
        spectramend.MaskedNMF
        print("sklearn" in sys.modules)
        """
    )
    assert output.split() == ["False", "True"]


def test_without_scikit_learn_one_line_says_what_to_install() -> None:
    output = run(
        """
        import sys
        sys.modules["sklearn"] = None
        from spectramend import *
        import spectramend
        try:
            spectramend.MaskedNMF
        except ImportError as error:
            print(isinstance(error, spectramend.SpectramendError), error)
        """
    )
    assert output.startswith("True MaskedNMF needs scikit-learn")
    assert "pip install 'spectramend[sklearn]'" in output
    assert output.count("\n") == 1


def test_tensors_in_tensors_out() -> None:
    pytest.importorskip("torch")
    pytest.importorskip("array_api_compat")
    output = run(
        """
        import numpy as np, sklearn, torch
        from spectramend import STFT, MaskedNMF

        torch.set_num_threads(1)
        rng = np.random.default_rng(0)
        X = rng.gamma(1.0, size=(30, 4)) @ rng.gamma(1.0, size=(4, 12))
        X[rng.random(X.shape) < 0.2] = np.nan
        weights = rng.integers(1, 3, X.shape)
        X[3] = np.nan
        for dtype in (torch.float32, torch.float64):
            for beta in (0, 1.5, 2):
                T = torch.asarray(X, dtype=dtype)
                options = {"random_state": 0, "alpha_W": 0.01, "max_iter": 40, "tol": 0}
                model = MaskedNMF(3, beta_loss=beta, **options)
                with sklearn.config_context(array_api_dispatch=True):
                    W = model.fit_transform(T, weights=torch.asarray(weights))
                    tensors = [W, model.components_, model.transform(T), model.inverse_transform(W)]
                    assert all(isinstance(x, torch.Tensor) and x.dtype == dtype for x in tensors)
                    score = model.score(T)
                    for call in (model.transform, model.score):
                        try:
                            call(X)
                            raise AssertionError
                        except ValueError as error:
                            assert "but fit was given" in str(error)
                native = MaskedNMF(3, beta_loss=beta, **options)
                expected = native.fit_transform(T.numpy(), weights=weights)
                rtol = 1e-2 if dtype == torch.float32 else 1e-6
                np.testing.assert_allclose(W.numpy(), expected, rtol=rtol, atol=rtol)
                np.testing.assert_allclose(score, native.score(T.numpy()), rtol=rtol)
                np.testing.assert_allclose(
                    model.reconstruction_err_, native.reconstruction_err_, rtol=rtol
                )
        assert isinstance(MaskedNMF(3, random_state=0).fit_transform(T), np.ndarray)
        print("done")
        """,
        SCIPY_ARRAY_API="1",
    )
    assert output.strip() == "done"


@pytest.mark.slow
def test_digits_are_filled_in(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(ROOT / "examples" / "impute_digits.py"), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["hidden", "30%", "50%", "70%"]
    rows = {line[:20].strip(): [float(x) for x in line[20:].split()] for line in lines[1:]}
    assert len(rows) == 4
    ours = rows["MaskedNMF"]
    assert all(a < b for a, b in zip(ours, rows["mean of the pixel"], strict=True))
    assert ours[2] == min(row[2] for row in rows.values())
