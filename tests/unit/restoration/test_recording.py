"""Repair of recordings: only regions change, or frames with hidden cells, channel by channel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from conftest import DATA
from spectramend import STFT, Dictionary, Mask, Region, audio, inpaint, repair
from spectramend.errors import MismatchError, ParameterError
from spectramend.restoration.recording import samples_touched

SR = 8000
STFT_ = STFT(n_fft=256, hop_length=64)
RNG = np.random.default_rng(0)
X = np.sin(0.3 * np.arange(4000)) + 0.01 * RNG.standard_normal(4000)
OBSERVED = np.ones((129, STFT_.n_frames(4000)), bool)
OBSERVED[:60, 20:24] = False
MASK = Mask(OBSERVED, stft=STFT_, sr=SR)


# Hidden cells of a mask


def test_samples_outside_frames_with_hidden_cells_are_bit_identical() -> None:
    out = repair(X, SR, MASK, rng=0).samples
    first, last = 20 * 64 - 128, 23 * 64 + 128
    np.testing.assert_array_equal(out[:first], X[:first])
    np.testing.assert_array_equal(out[last:], X[last:])
    assert not np.array_equal(out[first:last], X[first:last])


def test_repair_is_inpaint_in_the_frames_with_hidden_cells() -> None:
    options: dict[str, Any] = {"phase": "griffin-lim", "stft": STFT_, "sr": SR, "rng": 0}
    whole = inpaint(STFT_.forward(X), MASK, length=X.size, **options)
    touched = samples_touched(MASK, STFT_, X.size)
    np.testing.assert_array_equal(
        repair(X, SR, MASK, rng=0).samples, np.where(touched, whole.samples, X)
    )


def test_reliable_cells_are_kept_on_demand() -> None:
    mask = Mask(OBSERVED, damage="occluded", stft=STFT_, sr=SR)
    kept, corrected = (repair(X, SR, mask, keep_reliable=keep, rng=0) for keep in (True, False))
    found = kept.channels[0].spectrum[OBSERVED]
    np.testing.assert_array_equal(found, STFT_.forward(X)[OBSERVED])
    assert not np.array_equal(corrected.samples, kept.samples)


@pytest.mark.parametrize("center", [True, False])
def test_touched_samples_are_those_that_a_changed_cell_can_reach(center: bool) -> None:
    stft = STFT(n_fft=10, hop_length=4, window="boxcar", center=center)
    for frame in range(stft.n_frames(50)):
        spectrum = np.zeros((6, stft.n_frames(50)), complex)
        spectrum[3, frame] = 1 + 1j
        reached = stft.inverse(spectrum, length=50) != 0
        touched = samples_touched(Mask(spectrum == 0), stft, 50)
        assert (reached <= touched).all()
        assert touched.sum() <= 10


def test_damage_does_not_return_from_the_cells_around_its_mask() -> None:
    click = np.zeros(X.size)
    click[1984:2000] = 2
    observed = np.ones(STFT_.forward(X).shape, bool)
    observed[:, 30:33] = False  # where it is loudest; more frames see it
    fixed = repair(X + click, SR, Mask(observed), stft=STFT_, rng=0).samples
    assert np.linalg.norm(fixed - X) < 0.7 * np.linalg.norm(click)


def test_stereo_is_each_channel_in_turn() -> None:
    stereo = np.stack([X, X[::-1]])
    out = repair(stereo, SR, MASK, rng=np.random.default_rng(5))
    rng = np.random.default_rng(5)
    for channel, repaired in zip(stereo, out.samples, strict=True):
        np.testing.assert_array_equal(repaired, repair(channel, SR, MASK, rng=rng).samples)
    assert len(out.channels) == 2


def test_input_is_left_alone_and_may_be_read_only() -> None:
    x = X.copy()
    x.setflags(write=False)
    repair(x, SR, MASK, rng=0)
    np.testing.assert_array_equal(x, X)


def test_the_result_shows_itself_in_jupyter() -> None:
    assert "channel 1, all of it: missing" in repair(X, SR, MASK, rng=0)._repr_html_()


def test_bad_values_are_refused() -> None:
    with pytest.raises(ParameterError, match=r"x has shape \(1, 1, 4000\)"):
        repair(X[None, None], SR, MASK)
    with pytest.raises(ParameterError, match="x has 100 samples, shorter than a frame of 256"):
        repair(X[:100], SR, MASK)
    with pytest.raises(ParameterError, match="says what the transform is: give stft"):
        repair(X, SR, Mask(OBSERVED))


# Regions

METHODS: dict[str, dict[str, Any]] = {
    "gap": {"damaged": Region(0.2, 0.22), "damage": "missing"},
    "band": {"damaged": Region(0.2, 0.3, 400, 1500), "damage": "missing"},
    "event": {"damaged": Region(0.2, 0.3, 400, 1500), "damage": "occluded"},
    "full band": {"damaged": Region(0.2, 0.3), "damage": "occluded"},
}
# Noise where the regions are occluded; without it they are left as they are.
OCCLUDED = X.copy()
OCCLUDED[round(0.2 * SR) : round(0.3 * SR)] += 2 * np.hanning(800) * RNG.standard_normal(800)
every_method = pytest.mark.parametrize("options", METHODS.values(), ids=METHODS.keys())
SEVERAL = [
    Region(0.3, 0.32, 900, 1500, channel=2),
    Region(0.1, 0.12, label="click"),
    Region(0.2, 0.25, 300, 700, channel=1),
    Region(0.22, 0.3, 600, 900, channel=1),
    Region(0.3, 0.35, 600, 900, channel=1),
]


def inside_of(regions: list[Region], channel: int, length: int) -> NDArray[np.bool_]:
    inside = np.zeros(length, bool)
    for region in regions:
        if region.channel in (None, channel + 1):
            inside[slice(*region.samples(length=length, sr=SR))] = True
    return inside


@every_method
@pytest.mark.parametrize("dtype", ["int16", "int32", "float32", "float64"])
@pytest.mark.parametrize("channels", [None, 1, 3])
def test_samples_outside_a_region_are_bit_identical(
    options: dict[str, Any], dtype: str, channels: int | None
) -> None:
    clean = OCCLUDED if options["damage"] == "occluded" else X
    x = (clean * (1 if dtype.startswith("f") else 5000)).astype(dtype)
    if channels:
        x = np.stack([np.roll(x, 10 * i) for i in range(channels)])
    copy = x.copy()
    x.setflags(write=False)
    out = repair(x, SR, rng=0, **options).samples
    np.testing.assert_array_equal(x, copy)
    assert out.shape == x.shape
    assert out.dtype == x.dtype
    inside = inside_of([options["damaged"]], 0, X.size)
    np.testing.assert_array_equal(out[..., ~inside], x[..., ~inside])
    assert (out[..., inside] != x[..., inside]).mean() > 0.5


def test_channels_that_a_region_does_not_name_are_bit_identical() -> None:
    noise = np.random.default_rng(1).standard_normal(X.size)
    x = np.stack([X, X[::-1], 0.5 * X])
    for channel, row in enumerate(x):
        row[inside_of(SEVERAL, channel, X.size)] += noise[inside_of(SEVERAL, channel, X.size)]
    result = repair(x, SR, SEVERAL, rng=0)
    for channel, (before, after) in enumerate(zip(x, result.samples, strict=True)):
        inside = inside_of(SEVERAL, channel, X.size)
        np.testing.assert_array_equal(after[~inside], before[~inside])
        assert (after[inside] != before[inside]).mean() > 0.5
    assert [(job.channel, len(job.regions)) for job in result.jobs] == [
        (0, 1), (0, 3), (1, 1), (1, 1), (2, 1),
    ]  # fmt: skip


def test_the_order_of_regions_changes_nothing() -> None:
    x = np.stack([X, X[::-1]])
    results = [repair(x, SR, regions, rng=0).samples for regions in (SEVERAL, SEVERAL[::-1])]
    np.testing.assert_array_equal(results[0], results[1])


@every_method
def test_the_seed_fixes_the_repair(options: dict[str, Any]) -> None:
    random = options["damage"] == "occluded"
    x = OCCLUDED if random else X
    one, same, other = (repair(x, SR, rng=seed, **options).samples for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert np.array_equal(one, other) != random


@every_method
def test_scale_changes_nothing(options: dict[str, Any]) -> None:
    y = repair(X, SR, rng=0, **options).samples
    for scale in (2.0**-40, 2.0**15):
        scaled = repair(scale * X, SR, rng=0, **options).samples
        np.testing.assert_allclose(scaled, scale * y, rtol=0, atol=1e-12 * scale)


@every_method
@pytest.mark.parametrize(
    ("start_s", "end_s"),
    [(0, 0.05), (None, 0.05), (0.45, 0.5), (0.45, None), (0.2, 0.2 + 1 / SR), (0.2, 0.201),
     (0, 1 / SR), (0.5 - 1 / SR, 0.5), (0.05, 0.45)],
)  # fmt: skip
def test_regions_of_any_length_anywhere_are_repaired(
    options: dict[str, Any], start_s: float | None, end_s: float | None
) -> None:
    region = options["damaged"]
    region = Region(start_s, end_s, region.f_low_hz, region.f_high_hz)
    result = repair(X, SR, region, damage=options["damage"], rng=0)
    assert np.isfinite(result.samples).all()
    assert np.abs(result.samples).max() < 2 * np.abs(X).max()
    inside = inside_of([region], 0, X.size)
    np.testing.assert_array_equal(result.samples[~inside], X[~inside])
    (job,) = result.jobs
    assert (job.start, job.stop) == region.samples(length=X.size, sr=SR)


@every_method
def test_regions_may_be_longer_than_their_context(options: dict[str, Any]) -> None:
    result = repair(X, SR, rng=0, context_s=0.05, **options)
    assert np.isfinite(result.samples).all()
    assert result.jobs[0].status == "done"


def test_hum_goes_from_a_whole_recording() -> None:
    t = np.arange(5 * SR) / SR
    x = 0.05 * np.random.default_rng(0).standard_normal(t.size)
    hum = 0.2 * np.sin(2 * np.pi * 50 * t)
    result = repair(x + hum, SR, Region(None, None, 49, 51), rng=0)
    assert result.jobs[0].damage == "hum"
    assert np.sum((result.samples - x) ** 2) < 0.01 * np.sum(hum**2)


def largest_jump(y: NDArray[Any], start: int, stop: int) -> float:
    """Find the largest jump across the edges of a region."""
    return float(max(abs(y[start] - y[start - 1]), abs(y[stop] - y[stop - 1])))


def damaged(x: NDArray[Any], start: int, stop: int, kind: str) -> NDArray[Any]:
    """Lay noise over samples, or delete them."""
    y = x.copy()
    if kind == "gap":
        y[start:stop] = 0
    else:
        noise = np.random.default_rng(0).standard_normal(stop - start)
        y[start:stop] += 3 * x.std() * np.hanning(stop - start) * noise
    return y


@every_method
def test_no_click_at_the_edges(request: pytest.FixtureRequest, options: dict[str, Any]) -> None:
    region = options["damaged"]
    for start_s in (0.1, 0.2, 0.3):
        moved = Region(start_s, start_s + 0.1, region.f_low_hz, region.f_high_hz)
        start, stop = moved.samples(length=X.size, sr=SR)
        y = damaged(X, start, stop, request.node.callspec.id)
        out = repair(y, SR, moved, damage=options["damage"], rng=0).samples
        assert largest_jump(out, start, stop) <= np.abs(np.diff(X)).max()


@pytest.mark.parametrize("kind", ["gap", "band", "event", "full band"])
def test_no_click_at_the_edges_in_speech(kind: str) -> None:
    folder = DATA / "dev" / "speech"
    if not folder.is_dir():
        pytest.skip("the dev recordings are absent: set SPECTRAMEND_DATA to their parent folder")
    home = min(path for path in folder.iterdir() if path.is_dir())
    recording = audio.read(audio.recordings_in(home)[0])
    x, sr = np.atleast_2d(recording.samples)[0], recording.sr
    low, high = METHODS[kind]["damaged"].f_low_hz, METHODS[kind]["damaged"].f_high_hz
    for start_s in (0.8, 1.3, 1.8):
        region = Region(start_s, start_s + (0.03 if kind == "gap" else 0.3), low, high)
        start, stop = region.samples(length=x.size, sr=sr)
        y = damaged(x, start, stop, kind)
        out = repair(y, sr, region, damage=METHODS[kind]["damage"], rng=0).samples
        assert largest_jump(out, start, stop) <= np.abs(np.diff(x)).max()


def test_a_dictionary_gives_its_transform_and_its_sounds() -> None:
    burst = np.zeros(X.size)
    burst[1600:2400] = np.hanning(800) * np.random.default_rng(1).standard_normal(800)
    target = np.where(np.arange(X.size) // 800 == 2, np.sin(0.9 * np.arange(X.size)), 0.0)
    x, region = 0.1 * X + target, Region(0.2, 0.3)
    voice = Dictionary.train([target[1600:2400]], sr=SR, stft=STFT_, n_components=2, rng=0)
    trained = repair(x + burst, SR, region, damage="occluded", dictionary=voice, rng=0)
    alone = repair(x + burst, SR, region, damage="occluded", stft=STFT_, rng=0)
    assert trained.jobs[0].n_fft == STFT_.n_fft
    errors = [np.sum((result.samples - x) ** 2) for result in (trained, alone)]
    assert errors[0] < 0.85 * errors[1]
    several = repair(x, SR, region, damage="occluded", dictionary=[voice, voice], rng=0)
    assert several.jobs[0].n_fft == STFT_.n_fft


def test_a_dictionary_that_does_not_fit_is_refused() -> None:
    voice = Dictionary.train([X], sr=SR, stft=STFT_, n_components=2, rng=0)
    options: dict[str, Any] = {"damage": "occluded", "dictionary": voice}
    with pytest.raises(MismatchError, match="made at 8000 Hz, the recording has 16000 Hz"):
        repair(X, 16000, Region(0.1, 0.12), **options)
    with pytest.raises(MismatchError, match="made with n_fft=256"):
        repair(X, SR, Region(0.2, 0.3), stft=STFT(512, 128), **options)


def test_no_regions_change_nothing() -> None:
    result = repair(X, SR, [])
    np.testing.assert_array_equal(result.samples, X)
    assert result.jobs == ()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"damaged": Region(0.6, 0.7)}, "region 0.6-0.7: lies outside the recording"),
        ({"damaged": Region(0.1, 0.7)}, "region 0.1-0.7: lies outside the recording"),
        ({"damaged": Region(0.1, 0.1)}, "region 0.1-0.1: holds no sample"),
        ({"damaged": Region(0.1, 0.2, 5000)}, "lies above 4000 Hz"),
        ({"damaged": Region(0.1, 0.2, channel=2)}, "names channel 2, the recording has 1"),
        ({"damaged": [Region(0.1, 0.2), "0.3-0.4"]}, "damaged holds '0.3-0.4': give regions"),
        ({"damage": "lost"}, "damage='lost': give one of 'auto', 'missing', 'occluded'"),
        (
            {"method": "magic"},
            "^method='magic': give one of auto, hybrid, ar, janssen, em_tf, am, am_to_em_tf.$",
        ),
        ({"context_s": 0}, "context_s=0: give seconds"),
        ({"context_s": -1}, "context_s=-1: give seconds"),
        ({"context_s": np.nan}, "context_s=nan: give seconds"),
        ({"context_s": 61}, "context_s=61: give seconds, at most 60"),
        ({"sr": 0}, "sr=0: give the sample rate"),
        ({"sr": np.nan}, "sr=nan: give the sample rate"),
        ({"sr": "8000"}, "sr='8000': give the sample rate"),
        ({"x": X[None, None]}, r"x has shape \(1, 1, 4000\)"),
        ({"x": X + 0j}, "dtype complex128: give real samples"),
        ({"x": np.zeros((2, 0))}, r"x has shape \(2, 0\)"),
    ],
)
def test_what_cannot_work_is_refused_in_one_line(values: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {"x": X, "sr": SR, "damaged": Region(0.1, 0.2), **values}
    with pytest.raises(ParameterError, match=message) as refusal:
        repair(given.pop("x"), given.pop("sr"), given.pop("damaged"), **given)
    assert "\n" not in str(refusal.value)
