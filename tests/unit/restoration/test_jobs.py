"""Records of jobs: channels count from 0, are named from 1, and a sentence says what was done."""

from __future__ import annotations

import numpy as np

from spectramend import STFT, Mask, Region, repair
from spectramend.audio import PatchedSource
from spectramend.restoration.jobs import Channel, DamagedRegion, finished_job, job_text, span_of

SR = 8000
STFT_ = STFT(n_fft=256, hop_length=64)
X = np.sin(0.3 * np.arange(4000)) + 0.01 * np.random.default_rng(0).standard_normal(4000)
OBSERVED = np.ones((129, STFT_.n_frames(4000)), bool)
OBSERVED[:60, 20:24] = False
MASK = Mask(OBSERVED, stft=STFT_, sr=SR)


def test_channels_of_jobs_count_from_0_and_are_named_from_1() -> None:
    x = np.stack([X, X[::-1]])
    (job,) = repair(x, SR, Region(0.2, 0.22, channel=2), damage="missing").jobs
    assert (job.channel, job.channel_number) == (1, 2)
    assert job_text(job).startswith(
        "channel 2, 0.2-0.22: missing (as specified), autoregression, order"
    )
    jobs = repair(x, SR, MASK, rng=0).jobs
    assert [(job.channel, job.channel_number, job.model) for job in jobs] == [
        (0, 1, "masked_nmf"), (1, 2, "masked_nmf"),
    ]  # fmt: skip
    assert [str(job.regions[0].channel) for job in jobs] == ["1", "2"]
    assert job_text(jobs[1]).startswith("channel 2, all of it: missing (as the mask says), masked")
    assert "masked NMF, n_fft 256" in job_text(jobs[0])


def test_a_sentence_says_what_was_done() -> None:
    gaps = [Region(0.1, 0.101), Region(0.102, 0.103)]
    (job,) = repair(X, SR, gaps, damage="missing").jobs
    assert job_text(job) == (
        "channel 1, 0.1-0.101 and 1 more: missing (as specified), autoregression, order 32."
    )
    (job,) = repair(X, SR, Region(f_high_hz=900), damage="missing").jobs
    assert job_text(job).endswith(": nothing is known of the band: left empty.")
    assert "channel 1, 0.1-0.101" in repair(X, SR, gaps)._repr_html_()


def test_a_channel_is_widened_within_the_recording() -> None:
    x = np.arange(20.0).reshape(2, 10)
    channel = Channel(PatchedSource(lambda a, b: x[:, a:b], length=10, channels=2), 1, SR)
    assert channel.samples(2, 4).tolist() == [12, 13]
    assert [channel.around((3, 5), n) for n in (0, 2, 9)] == [(3, 5), (1, 7), (0, 10)]


def test_a_job_covers_its_regions_and_names_each_reason_once() -> None:
    channel = Channel(
        PatchedSource(lambda a, b: np.zeros((1, b - a)), length=99, channels=1), 0, SR
    )
    group = [
        DamagedRegion(Region(label=str(i)), span, "missing", reason, False)
        for i, (span, reason) in enumerate([((5, 50), "a"), ((10, 20), "b"), ((12, 30), "a")])
    ]
    job = finished_job(channel, group, "words", "model", order=7)
    assert span_of(group) == (job.start, job.stop) == (5, 50)
    assert (job.reason, job.n_fft, job.order, job.status) == ("a, b", None, 7, "done")
    assert [region.label for region in job.regions] == ["0", "1", "2"]
