"""Gaps from autoregressive models: the equations, what is known, and how well it is continued."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from reference import gaps as reference
from spectramend.errors import ParameterError
from spectramend.gaps import METHODS, Method, burg, fill_gaps, janssen
from spectramend.gaps.ar import janssen_ar as autoregression
from spectramend.gaps.ar.janssen_ar import dither, predictor

SR = 16000


def snr_db(true: NDArray[Any], found: NDArray[Any]) -> float:
    return float(10 * np.log10(np.sum(true**2) / np.sum((found - true) ** 2)))


def tones(n: int, rng: np.random.Generator, noise: float = 1e-3) -> NDArray[Any]:
    t = np.arange(n) / SR
    x = sum(np.sin(2 * np.pi * f * t + f) for f in (220.0, 333.0, 471.0, 1210.0))
    return np.asarray(x + noise * rng.standard_normal(n))


def autoregressive(n: int, rng: np.random.Generator) -> NDArray[Any]:
    """Noise with resonances: poles at 0.98 and 0.95."""
    a = np.poly(
        np.concatenate([r * np.exp([1j * w, -1j * w]) for r, w in ((0.98, 0.3), (0.95, 1))])
    )
    x = np.zeros(n)
    noise = rng.standard_normal(n)
    for t in range(4, n):
        x[t] = noise[t] - a.real[1:] @ x[t - 4 : t][::-1]
    return x


def lost(n: int, *spans: tuple[int, int]) -> NDArray[np.bool_]:
    missing = np.zeros(n, bool)
    for start, stop in spans:
        missing[start:stop] = True
    return missing


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_burg_is_the_recursion_written_out(rng: np.random.Generator) -> None:
    x = autoregressive(200, rng)
    np.testing.assert_allclose(burg(x, 12), reference.burg(x, 12), rtol=1e-9, atol=1e-12)


def test_burg_finds_a_known_process(rng: np.random.Generator) -> None:
    a = burg(autoregressive(20000, rng), 4)
    assert np.sort(np.abs(np.roots(a))) == pytest.approx([0.95, 0.95, 0.98, 0.98], abs=0.01)


def test_burg_of_silence_predicts_nothing() -> None:
    assert burg(np.zeros(9), 3).tolist() == [1.0]


@pytest.mark.parametrize(
    "spans",
    [[(100, 140)], [(0, 30)], [(370, 400)], [(50, 60), (65, 66), (200, 230)], [(0, 5), (395, 400)]],
)
@pytest.mark.parametrize("order", [1, 8, 90])
def test_missing_samples_minimise_the_residual(
    rng: np.random.Generator, spans: list[tuple[int, int]], order: int
) -> None:
    x, missing = autoregressive(400, rng), lost(400, *spans)
    dense = np.where(missing, 0, x)
    for n_iter in (1, 2, 3):
        dense = reference.least_residual(dense, missing, burg(dense, order))
        found = janssen(x, missing, order=order, n_iter=n_iter)
        np.testing.assert_allclose(found, dense, atol=1e-6 * np.abs(x).max())
    if order == 90:
        np.testing.assert_array_equal(
            janssen(x[:200], missing[:200], order=order),
            janssen(x[:200], missing[:200], order=66),
        )


@pytest.mark.parametrize("spans", [[(100, 140)], [(0, 30)], [(50, 60), (65, 66), (200, 230)]])
@pytest.mark.parametrize("order", [1, 8, 90])
def test_a_first_model_may_be_that_of_what_is_known(
    rng: np.random.Generator, spans: list[tuple[int, int]], order: int
) -> None:
    x, missing = autoregressive(400, rng), lost(400, *spans)
    dense = np.where(missing, 0, x)
    noise = dither(400, float(np.mean(x[~missing] ** 2)))
    edges = [0, *(edge for span in spans for edge in span), 400]
    runs = [slice(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    longest = max(run.stop - run.start for run in runs)
    p = min(order, (longest - 1) // 3)
    known = [(x + noise)[run] for run in runs if run.stop - run.start > p]
    for n_iter in (1, 2, 3):
        a = predictor(known, p).a if n_iter == 1 else burg(dense + noise, order)
        dense = reference.least_residual(dense, missing, a)
        found = janssen(x, missing, order=order, n_iter=n_iter, from_known=True)
        np.testing.assert_allclose(found, dense, atol=1e-6 * np.abs(x).max())


def test_where_no_run_is_known_that_a_model_could_be_of_zeros_come_first() -> None:
    x, missing = np.ones(200), np.arange(200) % 2 == 0
    found = janssen(x, missing, order=8, n_iter=1, from_known=True)
    assert not found[missing].any()


@pytest.mark.parametrize("spans", [[(300, 420)], [(0, 100)], [(100, 110), (300, 420), (430, 440)]])
def test_long_gaps_are_solved_as_short_ones_are(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, spans: list[tuple[int, int]]
) -> None:
    x, missing = autoregressive(700, rng), lost(700, *spans)
    longest = max(spans, key=lambda span: span[1] - span[0])
    # What is lost beside a long gap is filled on its own, before.
    for start, stop in spans:
        side = slice(0, longest[0]) if start < longest[0] else slice(longest[1], None)
        if (start, stop) != longest:
            x[side] = janssen(x[side], missing[side], order=12, n_iter=3)
    short = janssen(x, lost(700, longest), order=12, n_iter=3)
    monkeypatch.setattr(autoregression, "LONG", 50)
    marked = missing.copy()
    np.testing.assert_allclose(janssen(x, missing, order=12, n_iter=3), short, atol=1e-5)
    np.testing.assert_array_equal(missing, marked)
    many = janssen(x, lost(700, longest), order=200, n_iter=3)
    monkeypatch.undo()
    np.testing.assert_allclose(janssen(x, lost(700, longest), order=200, n_iter=3), many, atol=1e-5)


def test_a_second_is_filled_and_stays_bounded(rng: np.random.Generator) -> None:
    n = SR + 6000
    x, missing = tones(n, rng), lost(n, (3000, n - 3000))
    found = fill_gaps(x, missing, order=512)
    assert np.abs(found).max() <= 2 * np.abs(x).max()
    np.testing.assert_array_equal(found[~missing], x[~missing])


def test_what_is_missing_is_never_looked_at_and_the_rest_stays(rng: np.random.Generator) -> None:
    x, missing = autoregressive(600, rng), lost(600, (100, 130), (300, 303))
    spoiled = np.where(missing, np.nan, x)
    found, other = fill_gaps(x, missing), fill_gaps(spoiled, missing)
    np.testing.assert_array_equal(found, other)
    np.testing.assert_array_equal(found[~missing], x[~missing])


def test_scale_changes_nothing(rng: np.random.Generator) -> None:
    x, missing = autoregressive(600, rng), lost(600, (100, 130), (300, 303))
    for scale in (2.0**-80, 2.0**80):
        np.testing.assert_array_equal(fill_gaps(scale * x, missing), scale * fill_gaps(x, missing))


def test_tones_are_continued_through_20_ms(rng: np.random.Generator) -> None:
    x, missing = tones(SR // 2, rng), lost(SR // 2, (4000, 4320))
    assert snr_db(x[missing], fill_gaps(x, missing)[missing]) > 30


def test_noise_is_filled_better_than_by_zeros(rng: np.random.Generator) -> None:
    x = autoregressive(8000, rng)
    missing = lost(8000, *((t, t + 10) for t in range(500, 7500, 100)))
    assert snr_db(x[missing], fill_gaps(x, missing)[missing]) > 3


@pytest.mark.parametrize("method", METHODS[:4])
def test_signals_that_a_model_predicts_wholly_do_no_harm(method: Method) -> None:
    t = np.arange(3000.0)
    missing = lost(3000, (1000, 1200), (1300, 1302))
    for x in (np.ones(3000), np.sin(0.3 * t), t, np.where(t == 5, 1.0, 0.0), (-1) ** t):
        found = fill_gaps(x, missing, method=method)
        assert np.abs(found).max() <= 1.1 * np.abs(x).max()


def test_silence_around_gives_silence_and_no_gap_gives_the_signal() -> None:
    missing = lost(50, (10, 20))
    assert not fill_gaps(np.where(missing, 1.0, 0.0), missing).any()
    x = np.arange(50.0)
    np.testing.assert_array_equal(fill_gaps(x, np.zeros(50, bool)), x)


def test_a_few_samples_are_enough() -> None:
    for n in (2, 3, 5):
        found = fill_gaps(np.ones(n), lost(n, (1, 2)))
        assert np.isfinite(found).all()


def test_input_is_left_alone(rng: np.random.Generator) -> None:
    x, missing = autoregressive(300, rng), lost(300, (100, 130))
    copies = x.copy(), missing.copy()
    x.setflags(write=False)
    missing.setflags(write=False)
    fill_gaps(x, missing)
    np.testing.assert_array_equal(x, copies[0])
    np.testing.assert_array_equal(missing, copies[1])


def test_what_cannot_be_filled_is_refused() -> None:
    with pytest.raises(ParameterError, match=r"x has shape \(4,\), missing \(5,\): give two equal"):
        fill_gaps(np.ones(4), np.ones(5, bool))
    with pytest.raises(ParameterError, match=r"x has shape \(1, 4\)"):
        fill_gaps(np.ones((1, 4)), np.ones((1, 4), bool))
    with pytest.raises(ParameterError, match="every sample is missing"):
        fill_gaps(np.ones(4), np.ones(4, bool))
    names = "auto, hybrid, ar, janssen, em_tf, am, am_to_em_tf"
    with pytest.raises(ParameterError, match=f"^method='magic': give one of {names}.$"):
        fill_gaps(np.ones(4), np.arange(4) == 2, method="magic")  # type: ignore[arg-type]
