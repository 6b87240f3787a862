from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from reference import stft as reference
from reference.stft import CENTERED, HOPS, NAMED, window_samples
from spectramend.core.stft import STFT, bin_counts, frame_length
from spectramend.errors import MismatchError, ParameterError

Array = NDArray[Any]

LENGTHS = (1, 2, 5, 7, 15, 16, 17, 33, 64, 101)


def make(name: str, n_fft: int, hop_length: int, *, center: bool = True) -> STFT:
    window = tuple(window_samples(name, n_fft)) if name == "explicit" else NAMED[name]
    return STFT(n_fft, hop_length, window, center)


def noise(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape)


# --- forward ---------------------------------------------------------------------------------


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize(("n_fft", "hop_length"), [(7, 3), (8, 3), (8, 4)])
@pytest.mark.parametrize("name", ["sine", "hamming", "kaiser", "boxcar", "explicit"])
def test_forward_is_the_transform_by_definition(
    name: str, n_fft: int, hop_length: int, center: bool
) -> None:
    stft = make(name, n_fft, hop_length, center=center)
    for length in (1, 3, 11, 20):
        x = noise(length)
        X = stft.forward(x)
        window = window_samples(name, n_fft)
        slow = reference.forward(x, window, hop_length, X.shape[1], center=center)
        np.testing.assert_allclose(X, slow, atol=1e-13)


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize(("n_fft", "hop_length"), [(16, 4), (15, 4), (16, 5)])
def test_frames_begin_with_those_of_librosa(n_fft: int, hop_length: int, center: bool) -> None:
    stft = STFT(n_fft, hop_length, "sine", center)
    for length in range(n_fft, 80):
        x = noise(length)
        padded = np.pad(x, n_fft // 2) if center else x
        count = 1 + (len(padded) - n_fft) // hop_length
        frames = [padded[t * hop_length :][:n_fft] for t in range(count)]
        librosa = np.fft.rfft(np.array(frames) * window_samples("sine", n_fft)).T
        X = stft.forward(x)
        assert X.shape[1] == count if center else X.shape[1] >= count
        np.testing.assert_allclose(X[:, :count], librosa, atol=1e-13)


def test_the_sine_window_is_the_notebooks() -> None:
    i = np.arange(1024)
    notebook = np.sin(np.pi * (2 * i + 1) / (2 * 1024))
    stft = STFT(1024, 512, "sine")
    np.testing.assert_array_equal(stft.window_samples, notebook)
    np.testing.assert_allclose(notebook[:512] ** 2 + notebook[512:] ** 2, 1, rtol=1e-14)
    np.testing.assert_allclose(stft.dual_window, notebook, rtol=1e-14)


def test_a_tone_on_a_bin_stays_in_that_bin_of_the_hann_window() -> None:
    stft = STFT(64, 16)
    x = np.cos(2 * np.pi * 9 * np.arange(640) / 64 + 0.3)
    X = stft.forward(x)[:, 4:-4]
    expected = np.zeros(33)
    expected[8:11] = 8, 16, 8  # sum(w)/2, and half of it beside
    np.testing.assert_allclose(np.abs(X), np.repeat(expected[:, None], X.shape[1], 1), atol=1e-12)
    turn = np.exp(2j * np.pi * 9 * 16 / 64)
    np.testing.assert_allclose(X[9, 1:], X[9, :-1] * turn, atol=1e-12)


def test_centred_frames_have_their_centres_on_multiples_of_the_hop() -> None:
    x = np.zeros(400)
    x[160] = 1
    energy = (np.abs(STFT(64, 16).forward(x)) ** 2).sum(axis=0)
    assert energy.argmax() == 10
    np.testing.assert_allclose(STFT(64, 16).frame_times(3, 8000), [0, 0.002, 0.004])
    off = STFT(64, 16, "sine", center=False)
    np.testing.assert_allclose(off.frame_times(3, 8000), [0.004, 0.006, 0.008])


@pytest.mark.parametrize(("n_fft", "last"), [(64, 4000.0), (63, 8000 * 31 / 63)])
def test_rows_go_from_zero_to_nyquist(n_fft: int, last: float) -> None:
    stft = STFT(n_fft, 16)
    frequencies = stft.frequencies(8000)
    assert frequencies.shape == (stft.n_bins,) == (n_fft // 2 + 1,)
    assert frequencies[0] == 0
    assert frequencies[-1] == pytest.approx(last)


# --- inverse ---------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("n_fft", "hop_length"), [(n, h) for n in HOPS for h in HOPS[n]])
@pytest.mark.parametrize(("name", "center"), CENTERED)
def test_inverse_undoes_forward_to_rounding(
    name: str, n_fft: int, hop_length: int, center: bool, dtype: type[np.floating[Any]]
) -> None:
    stft = make(name, n_fft, hop_length, center=center)
    # Without padding the first samples are seen through the edge of one window alone.
    gain = 1.0 if center else 1 / window_samples(name, n_fft)[:hop_length].min()
    for length in LENGTHS:
        x = noise(length, seed=length).astype(dtype)
        X = stft.forward(x)
        assert X.dtype == (np.complex64 if dtype == np.float32 else np.complex128)
        found = stft.inverse(X, length=length)
        assert found.dtype == dtype
        assert found.shape == (length,)
        np.testing.assert_allclose(found, x, rtol=0, atol=30 * float(np.finfo(dtype).eps) * gain)


@pytest.mark.parametrize(
    ("n_fft", "hop_length", "window"), [(16, 16, "boxcar"), (15, 15, "boxcar"), (1024, 768, "hann")]
)
def test_the_longest_hops_have_an_inverse(n_fft: int, hop_length: int, window: str) -> None:
    stft = STFT(n_fft, hop_length, window)
    for length in (1, 7, 8, 9, 511, 512, 513, 2000):
        x = noise(length)
        np.testing.assert_allclose(stft.inverse(stft.forward(x), length=length), x, atol=1e-12)


@settings(derandomize=True, max_examples=100, deadline=None)
@given(data=st.data(), center=st.booleans(), n_fft=st.integers(2, 8))
def test_a_window_with_holes_is_refused_where_samples_are_lost_and_inverted_elsewhere(
    data: st.DataObject, center: bool, n_fft: int
) -> None:
    window = data.draw(st.lists(st.sampled_from([0.0, 1.0]), min_size=n_fft, max_size=n_fft))
    hop_length = data.draw(st.integers(1, n_fft))
    lengths = range(1, 2 * n_fft + 2)
    w = np.array(window)
    try:
        stft = STFT(n_fft, hop_length, tuple(window), center)
    except ParameterError:
        seen = [reference.least_coverage(w, hop_length, n, center=center) for n in lengths]
        assert min(seen) == 0
        return
    for length in lengths:
        x = noise(length)
        np.testing.assert_allclose(stft.inverse(stft.forward(x), length=length), x, atol=1e-12)


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize(("n_fft", "hop_length", "length"), [(6, 2, 13), (7, 3, 12), (8, 3, 5)])
@pytest.mark.parametrize("name", ["sine", "hamming", "explicit"])
def test_inverse_of_any_spectrum_is_dense_least_squares(
    name: str, n_fft: int, hop_length: int, length: int, center: bool
) -> None:
    stft = make(name, n_fft, hop_length, center=center)
    shape = (stft.n_bins, stft.n_frames(length))
    X = noise(*shape, seed=1) + 1j * noise(*shape, seed=2)
    window = window_samples(name, n_fft)
    dense = reference.least_squares(X, window, hop_length, length, center=center)
    np.testing.assert_allclose(stft.inverse(X, length=length), dense, atol=1e-12)


@pytest.mark.parametrize("name", list(NAMED))
@pytest.mark.parametrize(("n_fft", "hop_length"), [(16, 5), (15, 4), (16, 8)])
def test_frames_times_the_dual_window_add_up_to_the_signal(
    name: str, n_fft: int, hop_length: int
) -> None:
    stft = make(name, n_fft, hop_length)
    x = noise(200)
    X = stft.forward(x)
    summed = np.zeros(200 + 4 * n_fft)
    for t in range(X.shape[1]):
        start = t * hop_length - n_fft // 2 + n_fft
        summed[start : start + n_fft] += np.fft.irfft(X[:, t], n_fft) * stft.dual_window
    inner = slice(n_fft, 200 - n_fft)
    np.testing.assert_allclose(summed[n_fft:][inner], x[inner], atol=1e-13)


def test_leading_axes_are_stacked_mono() -> None:
    stft = STFT(16, 5, "sine")
    x = noise(2, 3, 77)
    X = stft.forward(x)
    assert X.shape == (2, 3, 9, stft.n_frames(77))
    back = stft.inverse(X, length=77)
    for i in np.ndindex(2, 3):
        np.testing.assert_array_equal(X[i], stft.forward(x[i]))
        np.testing.assert_array_equal(back[i], stft.inverse(X[i], length=77))


# --- input -----------------------------------------------------------------------------------


def test_the_callers_arrays_are_only_read() -> None:
    stft = STFT(16, 4)
    x = noise(50)
    x.setflags(write=False)
    X = stft.forward(x)
    before = X.copy()
    X.setflags(write=False)
    found = stft.inverse(X, length=50)
    np.testing.assert_array_equal(X, before)
    assert not np.shares_memory(found, x)
    for writeable in (stft.forward(x), found):
        writeable[...] = 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_strides_do_not_matter(dtype: type[np.floating[Any]]) -> None:
    stft = STFT(16, 4)
    wide = noise(3, 100).astype(dtype)
    for view in (wide[:, ::2], wide[:, ::-1], np.asfortranarray(wide), wide[::-1, 3:]):
        X = stft.forward(view)
        np.testing.assert_array_equal(X, stft.forward(view.copy(order="C")))
        length = view.shape[-1]
        np.testing.assert_array_equal(
            stft.inverse(np.asfortranarray(X), length=length),
            stft.inverse(np.ascontiguousarray(X), length=length),
        )


@pytest.mark.parametrize("dtype", [np.int16, np.uint8, np.int64, np.bool_, np.float16, ">f4"])
def test_other_real_numbers_are_taken_as_float64(dtype: Any) -> None:
    x = (np.arange(40) % 3).astype(dtype)
    X = STFT(16, 4).forward(x)
    assert X.dtype == np.complex128
    np.testing.assert_array_equal(X, STFT(16, 4).forward(x.astype(np.float64)))


def test_a_list_of_numbers_is_a_signal() -> None:
    stft = STFT(8, 3, "sine")
    np.testing.assert_allclose(stft.inverse(stft.forward([1, 2, 3]), length=3), [1, 2, 3])


# --- the record ------------------------------------------------------------------------------


def test_equal_settings_are_equal_keys_and_none_can_be_changed() -> None:
    values = [0.5, 1.0, 1.0, 0.5]
    pairs = [
        (STFT(), STFT(1024, 256, "hann", True)),
        (STFT(4, 2, values), STFT(4, 2, np.array(values))),  # type: ignore[arg-type]
        (STFT(16, 4, ("kaiser", 8.0)), STFT(np.int64(16), np.int32(4), ["kaiser", 8.0])),  # type: ignore[arg-type]
    ]
    for one, other in pairs:
        assert one == other
        assert {one: "found"}[other] == "found"
    assert STFT() != STFT(center=False, window="sine")
    assert type(pairs[2][1].n_fft) is int
    with pytest.raises(FrozenInstanceError):
        STFT().n_fft = 512  # type: ignore[misc]


# --- refusals --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_fft": 1}, r"n_fft=1: give an integer of at least 2"),
        ({"n_fft": 1024.0}, r"n_fft=1024.0: give an integer"),
        ({"n_fft": True}, r"n_fft=True: give an integer"),
        ({"hop_length": 0}, r"hop_length=0: give an integer of at least 1"),
        ({"hop_length": -4}, r"hop_length=-4: give an integer"),
        ({"hop_length": True}, r"hop_length=True: give an integer"),
        ({"hop_length": 256.0}, r"hop_length=256.0: give an integer"),
        ({"hop_length": 1025}, r"hop_length=1025 is longer than n_fft=1024.*at most n_fft"),
        (
            {"hop_length": 1024},
            r"window='hann' with hop_length=1024 and n_fft=1024 has no inverse.*shorter hop",
        ),
        ({"n_fft": 4, "hop_length": 2, "window": [0, 1, 0, 1]}, r"some samples get no weight"),
        ({"n_fft": 4, "hop_length": 2, "window": [0] * 4}, r"some samples get no weight"),
        ({"center": False}, r"window='hann' with center=False.*zero at its edge.*center=True"),
        (
            {"n_fft": 8, "hop_length": 2, "window": [0] * 5 + [1] * 3},
            r"center=True has no inverse.*zero in its middle.*another window",
        ),
        ({"window": "nosuch"}, r"window='nosuch' is not a window"),
        ({"window": ("kaiser",)}, r"window=\('kaiser',\) is not a window"),
        ({"window": [1.0, 2.0]}, r"window has 2 values, n_fft is 1024: give n_fft finite"),
        ({"window": ()}, r"window has 0 values, n_fft is 1024"),
        ({"n_fft": 2, "hop_length": 1, "window": [1.0, np.nan]}, r"give n_fft finite values"),
        ({"window": 5}, r"window=5: give a name, a tuple or n_fft values"),
        ({"window": [1.0, None]}, r"window=\[1.0, None\]: give a name"),
    ],
)
def test_settings_without_inverse_are_refused(changes: dict[str, Any], message: str) -> None:
    assert STFT() == STFT(1024)  # is built, and 1024.0, which equals 1024, still refused
    with pytest.raises(ParameterError, match=message):
        STFT(**changes)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ([], r"x has shape \(0,\)"),
        (1.0, r"x has shape \(\)"),
        (np.zeros((2, 0)), r"x has shape \(2, 0\)"),
        ([1j], r"dtype complex128: give real samples \(\.\.\., n\)"),
        (["a"], r"give real samples"),
    ],
)
def test_what_is_no_signal_is_refused(x: Any, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        STFT().forward(x)


@pytest.mark.parametrize("length", [0, -3])
def test_a_signal_without_samples_is_refused(length: int) -> None:
    with pytest.raises(ParameterError, match=rf"length={length}: a signal needs at least one"):
        STFT().n_frames(length)
    with pytest.raises(ParameterError, match=rf"length={length}"):
        STFT().inverse(np.zeros((513, 1), complex), length=length)


@pytest.mark.parametrize("shape", [(512, 5), (513, 4), (513, 6), (5, 513), (513,)])
def test_a_spectrum_of_another_shape_is_refused_with_both(shape: tuple[int, ...]) -> None:
    message = rf"shape \({shape[0]}.* does not fit: 1024 samples .*n_fft=1024.*give \(513, 5\)"
    with pytest.raises(MismatchError, match=message):
        STFT().inverse(np.zeros(shape, complex), length=1024)


@pytest.mark.parametrize("n_fft", [16, 15])
@pytest.mark.parametrize("center", [True, False])
def test_adjoint_is_the_adjoint(n_fft: int, center: bool) -> None:
    rng = np.random.default_rng(0)
    stft = STFT(n_fft=n_fft, hop_length=5, window="sine", center=center)
    x = rng.standard_normal((2, 60))
    X = stft.forward(x)
    Y = rng.standard_normal(X.shape) + 1j * rng.standard_normal(X.shape)
    a = stft.adjoint(Y, length=60)
    np.testing.assert_allclose(
        (Y.conj() * X).real.sum(axis=(1, 2)), (a * x).sum(axis=1), rtol=1e-12
    )
    assert stft.adjoint(Y.astype(np.complex64), length=60).dtype == np.float32
    with pytest.raises(MismatchError, match="does not fit"):
        stft.adjoint(Y, length=70)


@pytest.mark.parametrize(("sr", "n_fft"), [(16000, 1024), (44100, 2048)])
def test_a_frame_length_is_the_nearest_power_of_two(sr: int, n_fft: int) -> None:
    assert frame_length(0.064, sr) == n_fft


@pytest.mark.parametrize("n_fft", [2, 5, 6])
def test_bin_counts_are_those_of_the_whole_transform(n_fft: int) -> None:
    pairs = np.minimum(np.arange(n_fft), -np.arange(n_fft) % n_fft)
    np.testing.assert_array_equal(bin_counts(n_fft), np.bincount(pairs))
