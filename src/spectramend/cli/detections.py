"""The command that detects damage."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spectramend.cli.base import (
    PATH,
    cli,
    command,
    input_file,
    is_standard,
    json_option,
    output_file,
    overwrite_option,
    progress,
    salvage_option,
    say,
)

if TYPE_CHECKING:
    from spectramend.core.regions import Region
    from spectramend.detection import ClippingLevel


PASSES = 2  # over the recording


@command(cli, "detect")
@click.argument("source", metavar="IN", type=PATH)
@click.option(
    "-o",
    "--output",
    type=PATH,
    required=True,
    help="Region file: .txt for Audacity, .selections.txt for Raven, .csv, .svl, .TextGrid; - is "
    "Audacity's on stdout.",
)
@click.option(
    "--kind",
    "kinds",
    type=click.Choice(["dropout", "click", "clipping", "hum"]),
    multiple=True,
    help="What to look for; repeat for more. [default: all]",
)
@click.option("--dropout-ms", type=float, help="Shortest dropout. [default: 2]")
@click.option(
    "--dropout-max-ms", type=float, help="Longest; what is longer is silence. [default: 500]"
)
@click.option(
    "--border-steps", type=float, help="Least level beside a dropout, in steps. [default: 2]"
)
@click.option(
    "--click-db", type=float, help="Least evidence for a click; more finds fewer. [default: 10]"
)
@click.option("--clip-run", type=int, help="Samples in a row that make a flat top. [default: 3]")
@click.option("--clip-tops", type=int, help="Flat tops that make a clipped recording. [default: 3]")
@click.option(
    "--clip-tolerance",
    "clip_tolerance_db",
    type=float,
    help="Count what lies so many dB or less below the extreme values as clipped. [default: found "
    "from the recording]",
)
@salvage_option
@overwrite_option
@json_option
def detect(
    source: Path,
    output: Path,
    kinds: tuple[str, ...],
    salvage: bool,
    overwrite: bool,
    as_json: bool,
    **thresholds: float | None,
) -> None:
    """Find dropouts, clicks, clipped runs and hum, and write labels that repair reads."""
    from spectramend.audio import Reader, inspect
    from spectramend.core.files import check_output
    from spectramend.detection import KINDS, Thresholds, scan_blocks
    from spectramend.labels import format_of, write_regions

    if as_json and is_standard(output):
        raise click.UsageError("--json and -o - both write to stdout: give a file to one of them.")
    if thresholds["clip_tolerance_db"] is not None and kinds and "clipping" not in kinds:
        raise click.UsageError("--clip-tolerance is for clipping: add --kind clipping.")
    if not is_standard(output):
        check_output(output, overwrite=overwrite)
        format_of(output)  # refuses an ending that no format has
    chosen = Thresholds(**{k: v for k, v in thresholds.items() if v is not None})  # type: ignore[arg-type]
    with input_file(source) as recording, progress() as show:
        info = inspect(recording, salvage=salvage)
        total = round(PASSES * info.seconds)
        with Reader(info) as reader:
            found = scan_blocks(
                reader.read,
                length=info.length,
                channels=info.channels,
                sr=info.sr,
                thresholds=chosen,
                kinds=kinds or KINDS,
                progress=lambda done: show("looking for damage", round(done / info.sr), total),
            )
    regions = found.regions
    with output_file(output, ".txt") as target:
        write_regions(target, regions, sr=info.sr, length_s=info.seconds, overwrite=overwrite)
    say(f"{source}: {count_text(regions)}")
    for line in clipping_lines(found.clipping):
        say(line)
    if as_json:
        sides = ("start_s", "end_s", "f_low_hz", "f_high_hz", "channel", "label")
        result = {
            "output": str(output),
            "regions": [{name: getattr(r, name) for name in sides} for r in regions],
            "clipping": [clipping_values(level) for level in found.clipping],
            "thresholds": asdict(chosen),
        }
        click.echo(json.dumps(result))


def count_text(regions: list[Region]) -> str:
    """Describe how much damage was detected."""
    if not regions:
        return "no damage found."
    kinds = sorted({region.label for region in regions})
    return ", ".join(f"{sum(r.label == kind for r in regions)} {kind}" for kind in kinds) + "."


def clipping_lines(levels: Sequence[ClippingLevel]) -> list[str]:
    """Say at which level each channel is clipped, or that it is saturated softly."""
    lines = [clipping_text(level) for level in levels]
    if len(set(lines)) == 1:
        return [f"{line}." for line in lines[:1] if line]
    return [f"channel {number}: {line}." for number, line in enumerate(lines, 1) if line]


def clipping_text(level: ClippingLevel) -> str:
    """Describe the clipping of a channel in a few words, none if it has none."""
    if level.saturated:
        return "saturated softly, not clipped: left alone"
    if not level.is_clipped:
        return ""
    high, low = dbfs(level.high), dbfs(level.low)
    texts = [f"{round(db, 1) + 0.0:.1f} dBFS" for db in (high, low) if db is not None]  # no -0.0
    if len(set(texts)) == 2:
        texts = [f"{texts[0]} above and {texts[1]} below zero"]
    elif high is None or low is None:
        texts[0] += " above zero only" if low is None else " below zero only"
    return f"clipped at {texts[0]}, {100 * level.share:.2g} % of the samples"


def clipping_values(level: ClippingLevel) -> dict[str, Any]:
    """Give the levels of a channel for JSON, on the scale of floats and in dBFS."""
    decibels = {"high_dbfs": dbfs(level.high), "low_dbfs": dbfs(level.low)}
    return asdict(level) | decibels


def dbfs(level: float | None) -> float | None:
    """Convert a level to dB re full scale, rounded."""
    return None if not level else round(20 * math.log10(abs(level)), 2) + 0.0
