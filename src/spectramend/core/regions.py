"""Regions: rectangles of time and frequency on a recording."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from spectramend.errors import ParameterError

# Seconds by which a region may end after the last sample: one unit of the last place of labels
# with three decimals.
END_TOLERANCE_S = 1e-3

_TIME = r"(?:(?:\d+:)?\d+:)?\d+(?:\.\d*)?|\.\d+"
_FREQUENCY = r"(?:\d+(?:\.\d*)?|\.\d+)k?"
_SPEC = re.compile(
    rf"(?P<start>{_TIME})?(?P<time>-)?(?P<end>{_TIME})?"
    rf"(?P<band>@(?P<low>{_FREQUENCY})?-(?P<high>{_FREQUENCY})?)?"
)


@dataclass(frozen=True)
class Region:
    """A rectangle of time and frequency, open at each side that is None.

    Parameters
    ----------
    start_s : float, optional
        Start in seconds; the first sample if None.
    end_s : float, optional
        End in seconds, not included; after the last sample if None. A point ends at its start.
    f_low_hz : float, >= 0, optional
        Lowest frequency in Hz.
    f_high_hz : float, optional
        Highest frequency in Hz; the Nyquist frequency if None.
    channel : int, >= 1, optional
        The channel, counted from 1; all if None.
    label : str
        Its name.

    Raises
    ------
    ParameterError
        If a side is NaN or infinite, the end lies before the start, the highest frequency not
        above the lowest, a frequency is negative, or the channel is not a positive integer.

    Examples
    --------
    >>> cough = Region(1.2, 1.45, 800, 3000, label="cough")
    >>> cough.samples(length=80000, sr=16000)
    (19200, 23200)
    >>> print(cough, Region(f_high_hz=50))
    1.2-1.45@800-3000 @-50
    """

    start_s: float | None = None
    end_s: float | None = None
    f_low_hz: float | None = None
    f_high_hz: float | None = None
    channel: int | None = None
    label: str = ""

    def __post_init__(self) -> None:
        for name in ("start_s", "end_s", "f_low_hz", "f_high_hz"):
            value = getattr(self, name)
            if value is None:
                continue
            if not math.isfinite(value):
                raise ParameterError(f"{name}={value}: give a finite number, or None for open.")
            object.__setattr__(self, name, float(value) + 0.0)  # no negative zero
        if self.start_s is not None and self.end_s is not None and self.end_s < self.start_s:
            raise ParameterError(
                f"region {self}: ends before it starts: give the earlier time first."
            )
        for name in ("f_low_hz", "f_high_hz"):
            if (getattr(self, name) or 0.0) < 0:
                raise ParameterError(f"{name}={getattr(self, name)}: give at least 0 Hz.")
        if self.f_high_hz is not None and self.f_high_hz <= (self.f_low_hz or 0.0):
            raise ParameterError(
                f"region {self}: its highest frequency is not above its lowest: give the lower one "
                f"first."
            )
        if self.channel is not None and not (
            float(self.channel).is_integer() and self.channel >= 1
        ):
            raise ParameterError(f"channel={self.channel}: channels count from 1.")

    @classmethod
    def parse(cls, text: str) -> Region:
        """Read the form of the command line, ``T0-T1[@F0-F1]``.

        Parameters
        ----------
        text : str
            Seconds or ``h:mm:ss.fff``, then Hz, where ``k`` is a thousand. A missing side is open.

        Returns
        -------
        Region
            The region, of all channels and without a label.

        Raises
        ------
        ParameterError
            If the text has another form or its sides are in the wrong order.

        Examples
        --------
        >>> Region.parse("1:02.5-1:03@-4k")
        Region(start_s=62.5, end_s=63.0, f_low_hz=None, f_high_hz=4000.0, channel=None, label='')
        """
        match = _SPEC.fullmatch(text.strip())
        # Refused, too: "1" and "1@300-400", which lack the dash between times, and "".
        if match is None or (match["time"] is None and (match["start"] or not match["band"])):
            raise ParameterError(
                f"region {text!r}: give T0-T1 in seconds or h:mm:ss.fff, then @F0-F1 in Hz if it "
                f"is a band, such as 1.2-1.45@800-3k."
            )
        return cls(
            _seconds(match["start"]),
            _seconds(match["end"]),
            _hertz(match["low"]),
            _hertz(match["high"]),
        )

    def __str__(self) -> str:
        """Write the region as `parse` reads it, without channel and label."""
        time = f"{_number_text(self.start_s)}-{_number_text(self.end_s)}"
        band = f"@{_number_text(self.f_low_hz)}-{_number_text(self.f_high_hz)}"
        if band == "@-":
            return time
        return band if time == "-" else time + band

    @property
    def is_point(self) -> bool:
        """Whether its end is its start."""
        return self.start_s is not None and self.start_s == self.end_s

    def samples(self, *, length: int, sr: float) -> tuple[int, int]:
        """Find its first sample and the one after its last, both nearest to its times.

        Parameters
        ----------
        length : int
            Samples of the recording.
        sr : float
            Sample rate in Hz.

        Returns
        -------
        start, stop : int
            The half-open span.

        Raises
        ------
        ParameterError
            If the region lies outside the recording, or holds no sample.
        """
        start = 0 if self.start_s is None else _nearest_sample(self.start_s, sr)
        stop = length if self.end_s is None else _nearest_sample(self.end_s, sr)
        if start < 0 or start >= length or stop > length + max(1, round(END_TOLERANCE_S * sr)):
            raise ParameterError(
                f"region {self}: lies outside the recording, which has {length / sr:.3f} s: is it "
                f"of another one?"
            )
        stop = min(stop, length)
        if stop <= start:
            raise ParameterError(f"region {self}: holds no sample: give it a length.")
        return start, stop

    def band(self, *, sr: float) -> tuple[float, float]:
        """Find its lowest and highest frequency in Hz, at a sample rate of `sr` Hz.

        Open sides are 0 and the Nyquist frequency, which also limits the higher one. A region that
        lies wholly above it is a `ParameterError`.
        """
        low = self.f_low_hz or 0.0
        if low >= sr / 2:
            raise ParameterError(
                f"region {self}: lies above {sr / 2:g} Hz, the highest frequency of the recording."
            )
        return low, min(sr / 2, math.inf if self.f_high_hz is None else self.f_high_hz)

    def exceeds_nyquist(self, sr: float) -> bool:
        """Whether `band` limits its highest frequency, at a sample rate of `sr` Hz."""
        return self.f_high_hz is not None and self.f_high_hz > sr / 2

    def is_full_band(self, sr: float) -> bool:
        """Whether `band` is all frequencies up to the Nyquist frequency, `sr`/2 Hz."""
        return self.band(sr=sr) == (0.0, sr / 2)


def of_channel(regions: Iterable[Region], channel: int) -> list[Region]:
    """Choose the regions of a channel, counted from 0, and those of all channels."""
    return [region for region in regions if region.channel in (None, channel + 1)]


def _seconds(text: str | None) -> float | None:
    """Read seconds or ``h:mm:ss.fff``."""
    if text is None:
        return None
    seconds = 0.0
    for part in text.split(":"):
        seconds = 60 * seconds + float(part)
    return seconds


def _hertz(text: str | None) -> float | None:
    """Read Hz, or kHz where a ``k`` follows."""
    if text is None:
        return None
    return 1000 * float(text[:-1]) if text.endswith("k") else float(text)


def _nearest_sample(time_s: float, sr: float) -> int:
    """Round a time to a sample; a time too large for an integer stays outside the recording."""
    return math.floor(max(-1.0, min(time_s * sr, 2.0**62)) + 0.5)


def _number_text(value: float | None) -> str:
    """Write a number so that it reads back, without an exponent."""
    if value is None:
        return ""
    return format(Decimal(repr(value)), "f").removesuffix(".0")
