"""What the repair command is given: its arguments, and regions or a mask from several sources."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from spectramend.cli.base import is_standard, progress, say, transform
from spectramend.cli.detections import count_text
from spectramend.errors import FileError, ParameterError

if TYPE_CHECKING:
    from spectramend.audio import FileInfo
    from spectramend.core.masks import Damage, Mask
    from spectramend.core.regions import Region
    from spectramend.core.stft import STFT
    from spectramend.gaps import Method
    from spectramend.restoration.headroom import Headroom
    from spectramend.restoration.options import DamageOption


@dataclass(frozen=True)
class Arguments:
    """The arguments and options of the command."""

    source: Path
    output: Path
    specs: tuple[str, ...]
    labels: Path | None
    frame_rate: float | None
    mask_file: Path | None
    detects: bool
    hum: str | None
    damage: DamageOption
    dictionaries: tuple[Path, ...]
    context_s: float
    method: Method
    channel: int | None
    keep_reliable: bool
    n_fft: int | None
    hop_length: int | None
    subtype: str | None
    lossy: bool
    headroom: Headroom
    salvage: bool
    report: Path | None
    seed: int
    overwrite: bool
    as_json: bool

    @property
    def stft(self) -> STFT | None:
        """The transform that is asked for."""
        given = self.n_fft is not None or self.hop_length is not None
        return transform(self.n_fft, self.hop_length) if given else None

    @property
    def hum_hz(self) -> float | None:
        """The fundamental of the hum, None if it is to be found."""
        if self.hum in (None, "auto"):
            return None
        try:
            return float(self.hum)
        except ValueError:
            raise click.UsageError(
                f"--hum {self.hum}: give auto, 50, 60 or another frequency in Hz."
            ) from None


def read_damage(
    arguments: Arguments, info: FileInfo, specified: list[Region]
) -> Mask | list[Region]:
    """Read the mask or the regions: `specified` by --region, of a label file, or detected.

    With --hum, it is all of the recording.
    """
    from spectramend.core.regions import Region

    if arguments.mask_file is not None:
        return _mask(arguments.mask_file, arguments, info)
    regions = specified
    if arguments.labels is not None:
        regions = _labelled(arguments.labels, arguments, info)
    elif arguments.detects:
        regions = _detected(info)
    elif arguments.hum is not None:
        regions = [Region(label="hum")]
    return _prepared(regions, info, arguments.channel)


def _mask(path: Path, arguments: Arguments, info: FileInfo) -> Mask:
    """Read a mask; arrays and pictures need a transform and the damage from the command line."""
    from spectramend.core.masks import Mask

    stft = arguments.stft
    if stft is None and path.suffix != ".npz":
        stft = transform(None, None)
    damage = cast("Damage | None", None if arguments.damage == "auto" else arguments.damage)
    return Mask.load(path, stft=stft, sr=info.sr, damage=damage)


def _detected(info: FileInfo) -> list[Region]:
    """Detect damage, and say how much there is."""
    from spectramend.restoration.recording_files import detect_file

    with progress() as show:
        _, regions = detect_file(info, progress=show)
    say(count_text(regions))
    return regions


def _labelled(path: Path, arguments: Arguments, info: FileInfo) -> list[Region]:
    """Read regions from a label file; points are left out."""
    from spectramend.labels import read_regions

    recording = None if is_standard(arguments.source) else arguments.source
    rate = arguments.frame_rate
    found = read_regions(path, sr=info.sr, recording=recording, frame_rate=rate)
    regions = [region for region in found if not region.is_point]
    if len(regions) < len(found):
        say(f"{path}: points have no length and are left out: {len(found) - len(regions)}.")
    if not regions:
        raise FileError(f"{path}: holds points only: give regions a length.")
    try:
        for region in regions:
            region.samples(length=info.length, sr=info.sr)
    except ParameterError as error:
        raise FileError(f"{path}: {error}") from None
    return regions


def _prepared(regions: list[Region], info: FileInfo, channel: int | None) -> list[Region]:
    """Set the channel of regions, and cut them at the Nyquist frequency."""
    if channel is not None and regions and all(r.channel is not None for r in regions):
        raise click.UsageError(
            "--channel is for regions that name no channel, and all of them do: leave it out."
        )
    prepared = []
    for region in regions:
        if region.exceeds_nyquist(info.sr):
            region.band(sr=info.sr)  # refuses a region wholly above it
            say(f"region {region}: is cut at {info.sr / 2:g} Hz, the highest frequency there is.")
            region = replace(region, f_high_hz=None)
        prepared.append(region if region.channel is not None else replace(region, channel=channel))
    return prepared
