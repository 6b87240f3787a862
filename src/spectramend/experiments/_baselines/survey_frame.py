"""The Gabor frame of the survey of declipping (Záviška et al. 2021)."""

from __future__ import annotations

from spectramend.declipping.parseval_frame import ParsevalFrame

N_WINDOW, SURVEY_SR = 8192, 44100  # samples of a window, and Hz


def window_length(sr: int) -> int:
    """Give the largest power of two that lasts no longer than the survey's window, at sr in Hz.

    Examples
    --------
    >>> window_length(44100), window_length(16000)
    (8192, 2048)
    """
    return 1 << (max(4, N_WINDOW * sr // SURVEY_SR).bit_length() - 1)


def survey_frame(length: int, sr: int, redundancy: int = 1) -> ParsevalFrame:
    """Make the frame of signals of so many samples at sr in Hz.

    `redundancy` is the length of the Fourier transform relative to that of a window.
    """
    n_window = window_length(sr)
    return ParsevalFrame(n_window, length, redundancy * n_window)
