"""The command that detects damage."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

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
    from spectramend.core.files import check_output
    from spectramend.detection import KINDS, Thresholds
    from spectramend.labels import format_of, write_regions
    from spectramend.restoration.recording_files import detect_file

    if as_json and is_standard(output):
        raise click.UsageError("--json and -o - both write to stdout: give a file to one of them.")
    if not is_standard(output):
        check_output(output, overwrite=overwrite)
        format_of(output)  # refuses an ending that no format has
    chosen = Thresholds(**{k: v for k, v in thresholds.items() if v is not None})  # type: ignore[arg-type]
    with input_file(source) as recording, progress() as show:
        info, regions = detect_file(
            recording, thresholds=chosen, kinds=kinds or KINDS, salvage=salvage, progress=show
        )
    with output_file(output, ".txt") as target:
        write_regions(target, regions, sr=info.sr, length_s=info.seconds, overwrite=overwrite)
    say(f"{source}: {count_text(regions)}")
    if as_json:
        sides = ("start_s", "end_s", "f_low_hz", "f_high_hz", "channel", "label")
        found = [{name: getattr(r, name) for name in sides} for r in regions]
        values = {field.name: getattr(chosen, field.name) for field in fields(chosen)}
        click.echo(json.dumps({"output": str(output), "regions": found, "thresholds": values}))


def count_text(regions: list[Region]) -> str:
    """Describe how much damage was detected."""
    if not regions:
        return "no damage found."
    kinds = sorted({region.label for region in regions})
    return ", ".join(f"{sum(r.label == kind for r in regions)} {kind}" for kind in kinds) + "."
