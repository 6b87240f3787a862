"""Occluded regions: the interfering event is removed by `spectramend.spectral_repair`.

A long event is removed in pieces that overlap. Each piece is joined directly to the context before
and after the whole event, so that the size of a problem is bounded.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectramend.audio import Patch
from spectramend.core.intervals import Span
from spectramend.core.stft import STFT, frame_length
from spectramend.errors import ParameterError
from spectramend.restoration.damage import FRAME_S, MIN_FRAME, suitable_stft
from spectramend.restoration.event_edges import beyond_region, kept_change
from spectramend.restoration.jobs import (
    DamagedChannel,
    DamagedRegion,
    Job,
    bands_of,
    finished_job,
    span_of,
)
from spectramend.restoration.options import RegionOptions
from spectramend.restoration.segments import Segment, read_segment
from spectramend.restoration.tonal_events import tones_of_event
from spectramend.spectral_repair.event_evidence import Outcome, expected_outcome
from spectramend.spectral_repair.event_mask import MARGIN_BINS, EventMask, frames_containing
from spectramend.spectral_repair.event_removal import overlapping_pieces, remove_event

MIN_MARGIN_BINS = 2  # bins; engineering choice: the main lobe of a Hann window
LEFT = (
    "left as it is: nothing in it is louder than its context explains; if the sound is in the "
    "context, too, mark it there as well"
)
LITTLE = (
    "little could be recovered: the sound is much louder than what lies under it; mark it closer "
    "in frequency, or give a dictionary of the target"
)
LITTLE_DB = 1.0  # dB of expected SNR below which little is recovered; engineering choice


@dataclass(frozen=True)
class Piece:
    """A piece of an event, between the context before and after the whole event."""

    segment: Segment  # the whole event with its context
    span: Span  # samples of the piece

    @property
    def samples(self) -> NDArray[np.float64]:
        """The context before, the piece, and the context after [shape=(n,)]."""
        x, inside = self.segment.samples, self.segment.inside
        return np.concatenate([x[: inside.start], x[self.place], x[inside.stop :]])

    @property
    def place(self) -> slice:
        """The samples of the piece, counted from the start of the segment."""
        return slice(self.span[0] - self.segment.first, self.span[1] - self.segment.first)

    @property
    def shift(self) -> int:
        """How many samples of the event are left out before the piece."""
        return self.span[0] - self.segment.span[0]

    def add(
        self, total: NDArray[np.float64], part: NDArray[Any], weight: NDArray[np.float64]
    ) -> None:
        """Add a part [shape of `samples`] to a segment; outer pieces with their context."""
        before, event = self.segment.inside.start, self.segment.span
        after = before + self.span[1] - self.span[0]
        total[self.place] += weight * part[before:after]
        if self.span[0] == event[0]:
            total[:before] += part[:before]
        if self.span[1] == event[1]:
            total[self.segment.inside.stop :] += part[after:]

    @property
    def total_shift(self) -> int:
        """How many samples of the event are left out in all."""
        event = self.segment.span
        return self.shift + event[1] - self.span[1]


def repair_event(damaged: DamagedChannel, group: list[DamagedRegion]) -> tuple[Job, Patch]:
    """Remove the interfering event of regions that touch each other.

    Raises ParameterError if there is neither an intact frame nor a dictionary to build on.
    """
    channel, options = damaged.channel, damaged.options
    stft = _event_stft(damaged, group)
    segment = read_segment(channel, group, damaged.context, stft)
    tones = tones_of_event(channel, group, segment)
    if tones is not None:
        segment = replace(segment, samples=segment.samples - tones)
    exemplars = _dictionary_spectra(options, stft, channel.sr)
    change = np.zeros(segment.samples.size)
    outcomes = []
    for span, weight in overlapping_pieces(segment.span, channel.sr, stft):
        piece = Piece(segment, span)
        event = _event_mask(damaged, group, piece, stft)
        hides_all = event.widened().all(axis=0).any()
        if exemplars is None and hides_all and not event.intact.any():
            raise ParameterError(
                f"region {group[0].region}: nothing intact is around it, in time or frequency: "
                f"make it smaller, give more context, or a dictionary."
            )
        x = piece.samples
        removed = x - remove_event(x, event, stft=stft, exemplars=exemplars, rng=damaged.rng)
        outcome = expected_outcome(x, removed, event, stft=stft, sr=channel.sr)
        outcomes.append(outcome)
        if outcome.action != "left":
            piece.add(change, x + outcome.share * (removed - x), weight)
    kept = kept_change(change, group, segment, channel.sr)
    status, snr_db = _conclusion(outcomes)
    method = "semi-supervised NMF"
    if tones is not None:
        method = "subtraction of steady tones" + (f", {method}" if kept.any() else "")
        status = "" if status == LEFT else status
    beyond = beyond_region(segment, kept, group, stft, channel.sr)
    job = finished_job(
        channel,
        group,
        method,
        "semisupervised_nmf",
        n_fft=stft.n_fft,
        status="; ".join(filter(None, (status, beyond))) or "done",
        expected_snr_db=snr_db,
    )
    repaired = (segment.samples - kept)[segment.inside]
    return job, Patch(channel.number, job.start, repaired)


def _event_mask(
    damaged: DamagedChannel, group: list[DamagedRegion], piece: Piece, stft: STFT
) -> EventMask:
    """Find the cells of a piece of an event, and the frames of its context without damage."""
    sr, first, event = damaged.channel.sr, piece.segment.first, piece.segment.span
    n_frames = stft.n_frames(piece.samples.size)
    cells = np.zeros((stft.n_bins, n_frames), bool)
    for d in group:
        low, high = d.region.band(sr=sr)
        bins = slice(int(low * stft.n_fft / sr), int(high * stft.n_fft / sr) + 1)
        inside = max(d.span[0], piece.span[0]), min(d.span[1], piece.span[1])
        if inside[0] < inside[1]:
            cells[bins, frames_containing(inside, first + piece.shift, stft, n_frames)] = True
    intact = np.ones(n_frames, bool)
    intact[frames_containing(piece.span, first + piece.shift, stft, n_frames)] = False
    for other in damaged.bands_and_events:
        if other.span[1] <= event[0]:
            intact[frames_containing(other.span, first, stft, n_frames)] = False
        elif other.span[0] >= event[1]:
            intact[frames_containing(other.span, first + piece.total_shift, stft, n_frames)] = False
    width = min(high - low for low, high in bands_of(group, sr))
    margin = max(MIN_MARGIN_BINS, min(MARGIN_BINS, int(width * stft.n_fft / sr)))
    return EventMask(cells, intact, margin)


def _dictionary_spectra(options: RegionOptions, stft: STFT, sr: int) -> NDArray[Any] | None:
    """Collect the spectra of the dictionaries as power [shape=(F, K)]."""
    spectra = []
    for dictionary in options.dictionaries:
        dictionary.check_fits(stft=stft, sr=sr)
        W = dictionary.W if dictionary.exemplars is None else dictionary.exemplars
        magnitudes = dictionary.quantity == "magnitude" and dictionary.exemplars is None
        spectra.append(W**2 if magnitudes else W)
    return np.hstack(spectra) if spectra else None


def _event_stft(damaged: DamagedChannel, group: list[DamagedRegion]) -> STFT:
    """Choose a transform with some frames on one side of the event."""
    channel, options = damaged.channel, damaged.options
    if options.stft or options.dictionaries:
        return options.stft or options.dictionaries[0].stft
    span = span_of(group)
    first, last = channel.around(span, damaged.context)
    bands = bands_of(group, channel.sr)
    low, high = min(bands, key=lambda band: band[1] - band[0])
    n_fft = suitable_stft(channel.sr, span, low, high).n_fft
    side = max(span[0] - first, last - span[1])
    usual = frame_length(FRAME_S, channel.sr)
    while n_fft > max(last - first, MIN_FRAME) or (
        usual >= n_fft > MIN_FRAME and n_fft / 2 > side > 0
    ):
        n_fft //= 2
    return STFT(n_fft, n_fft // 4)


def _conclusion(outcomes: list[Outcome]) -> tuple[str, float | None]:
    """Say in words how the pieces of an event end, or nothing, and the expected SNR in dB."""
    known = [(o.power, o.snr_db) for o in outcomes if o.snr_db is not None and o.power > 0]
    if not known:
        return "", None
    error = sum(power * 10 ** (-snr_db / 10) for power, snr_db in known)
    snr_db = float(10 * np.log10(sum(power for power, _ in known) / error))
    if all(outcome.action == "left" for outcome in outcomes):
        return LEFT, snr_db
    if all(outcome.action == "muted" for outcome in outcomes):
        return f"muted, as {LITTLE}", snr_db
    if snr_db < LITTLE_DB:
        return LITTLE, snr_db
    return "", snr_db
