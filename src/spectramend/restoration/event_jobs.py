"""Occluded regions: the interfering event is removed by `spectramend.spectral_repair`.

A long event is removed in pieces that overlap. Each piece is joined directly to the context before
and after the whole event, so that the size of a problem is bounded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectramend.audio import Patch
from spectramend.core.intervals import Span
from spectramend.core.stft import STFT, frame_length
from spectramend.errors import ParameterError
from spectramend.restoration.crossfade import crossfaded
from spectramend.restoration.damage import FRAME_S, MIN_FRAME, suitable_stft
from spectramend.restoration.jobs import DamagedChannel, DamagedRegion, Job, finished_job, span_of
from spectramend.restoration.options import RegionOptions
from spectramend.restoration.segments import Segment, read_segment
from spectramend.spectral_repair.event_removal import (
    EventMask,
    frames_containing,
    overlapping_pieces,
    remove_event,
)


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
    exemplars = _dictionary_spectra(options, stft, channel.sr)
    y = segment.samples.copy()
    y[segment.inside] = 0
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
        cleaned = remove_event(x, event, stft=stft, exemplars=exemplars, rng=damaged.rng)
        start = segment.inside.start
        y[piece.place] += weight * cleaned[start : start + span[1] - span[0]]
    job = finished_job(
        channel, group, "semi-supervised NMF", "semisupervised_nmf", n_fft=stft.n_fft
    )
    return job, Patch(channel.number, job.start, crossfaded(segment, y, stft))


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
    return EventMask(cells, intact)


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
    bands = [d.region.band(sr=channel.sr) for d in group]
    low, high = min(bands, key=lambda band: band[1] - band[0])
    n_fft = suitable_stft(channel.sr, span, low, high).n_fft
    side = max(span[0] - first, last - span[1])
    usual = frame_length(FRAME_S, channel.sr)
    while n_fft > max(last - first, MIN_FRAME) or (
        usual >= n_fft > MIN_FRAME and n_fft / 2 > side > 0
    ):
        n_fft //= 2
    return STFT(n_fft, n_fft // 4)
