"""The command that compares recordings with a reference."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spectramend.cli.base import (
    PATH,
    cli,
    command,
    finite,
    json_option,
    print_table,
    salvage_option,
    say,
)
from spectramend.errors import MismatchError

if TYPE_CHECKING:
    from spectramend.audio import Audio
    from spectramend.core.regions import Region


@command(cli, "evaluate")
@click.argument("reference", type=PATH)
@click.argument("estimates", metavar="A [B ...]", nargs=-1, required=True, type=PATH)
@click.option("--labels", type=PATH, help="Regions in which to measure, too.")
@salvage_option
@json_option
def evaluate(
    reference: Path,
    estimates: tuple[Path, ...],
    labels: Path | None,
    salvage: bool,
    as_json: bool,
) -> None:
    """Measure how close A, B, ... are to REFERENCE, as a whole and inside regions.

    SNR and SI-SDR are in dB, STOI and ESTOI go from 0 to 1, PESQ (wideband) from 1 to 4.6; of all
    these, higher is better. LSD, the log-spectral distance inside regions, is in dB, and lower is
    better.
    JSON is an object for one recording, and a list of them, each with "estimate", for several.
    """
    from spectramend import audio
    from spectramend.evaluation import missing_metrics
    from spectramend.labels import read_regions

    recordings = audio.read_same_rate([reference, *estimates], salvage=salvage)
    sr = recordings[0].sr
    regions = None
    if labels is not None:
        regions = [region for region in read_regions(labels, sr=sr) if not region.is_point]
    results = [
        _measure(reference, recordings[0], path, recording, regions)
        for path, recording in zip(estimates, recordings[1:], strict=True)
    ]
    if as_json:
        one = {key: value for key, value in results[0].items() if key != "estimate"}
        click.echo(json.dumps(finite(one if len(results) == 1 else results)))
    else:
        _print(results)
    for line in missing_metrics():
        say(line)


def _measure(
    reference: Path, clean: Audio, path: Path, recording: Audio, regions: list[Region] | None
) -> dict[str, Any]:
    """Compare one recording with the reference."""
    from spectramend.evaluation import evaluate_regions, metrics

    T, Y = clean.samples, recording.samples
    if T.shape != Y.shape:
        raise MismatchError(
            f"{path}: has {_size(recording)}, {reference} has {_size(clean)}: give recordings of "
            "one length and number of channels."
        )
    scores: dict[str, Any] = {"estimate": str(path), **metrics.evaluate(T, Y, sr=clean.sr)}
    if regions is not None:
        scores["regions"] = [vars(r) for r in evaluate_regions(T, Y, regions, sr=clean.sr)]
    return scores


def _size(recording: Audio) -> str:
    """Write the number of samples and channels."""
    channels = 1 if recording.samples.ndim == 1 else len(recording.samples)
    return f"{recording.samples.shape[-1]} samples in {channels} channel{'s'[: channels > 1]}"


def _print(results: list[dict[str, Any]]) -> None:
    """Print a table of whole recordings, one of regions if there are any, and what is better."""
    from spectramend.reports.results_table import LEGEND, Column, Table

    whole = (
        Column("estimate", "Recording"),
        Column("snr_db", "SNR (dB)", "higher"),
        Column("si_sdr_db", "SI-SDR (dB)", "higher"),
        Column("stoi", "STOI (0-1)", "higher"),
        Column("estoi", "ESTOI (0-1)", "higher"),
        Column("pesq_wb", "PESQ-wb (1-4.6)", "higher"),
    )
    print_table(Table(None, whole, results))
    # All recordings have the same regions and channels, of which those of one are neighbours.
    inside = [
        {"estimate": result["estimate"], **row}
        for rows in zip(*(result.get("regions", []) for result in results), strict=True)
        for result, row in zip(results, rows, strict=True)
    ]
    if inside:
        columns = (
            Column("estimate", "Recording"),
            Column("channel", "Channel"),
            Column("region", "Region (s, Hz)"),
            Column("label", "Label"),
            Column("snr_db", "SNR (dB)", "higher"),
            Column("lsd_db", "LSD (dB)", "lower"),
        )
        print_table(Table(None, columns, inside))
    click.echo(LEGEND)
