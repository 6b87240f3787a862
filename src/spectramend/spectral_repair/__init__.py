"""Regions limited in frequency: removal of an interfering event, interpolation of a lost band."""

from spectramend.spectral_repair.event_mask import EventMask, frames_containing
from spectramend.spectral_repair.event_removal import (
    overlapping_pieces,
    remove_event,
)
from spectramend.spectral_repair.subband_interpolation import fill_band, stft_for_band

__all__ = [
    "EventMask",
    "fill_band",
    "frames_containing",
    "overlapping_pieces",
    "remove_event",
    "stft_for_band",
]
