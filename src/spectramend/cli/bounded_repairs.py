"""The commands that restore samples within bounds: declip and dequantize."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from spectramend.cli.base import (
    PATH,
    cli,
    command,
    finite,
    headroom_option,
    input_file,
    is_standard,
    json_option,
    lossy_option,
    output_file,
    overwrite_option,
    progress,
    report_option,
    salvage_option,
    say,
    seed_option,
    subtype_option,
)
from spectramend.cli.detections import clipping_text, clipping_values
from spectramend.cli.repair_results import (
    repeating_command,
    reported_settings,
    result_json,
    say_written,
)

if TYPE_CHECKING:
    from spectramend.audio import FileInfo
    from spectramend.core.regions import Region
    from spectramend.restoration.bounded_files import FileRestoration
    from spectramend.restoration.bounded_options import ChannelRestoration
    from spectramend.restoration.headroom import Headroom
    from spectramend.restoration.levels import Levels

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True)
class BoundedArguments:
    """The arguments and options that both commands have."""

    source: Path
    output: Path
    specs: tuple[str, ...]
    channel: int | None
    consistent: bool
    headroom: Headroom
    subtype: str | None
    lossy: bool
    salvage: bool
    report: Path | None
    seed: int
    overwrite: bool
    as_json: bool

    @property
    def regions(self) -> list[Region] | None:
        """What is to be restored, None for all."""
        from spectramend.core.regions import Region

        regions = [Region.parse(spec) for spec in self.specs]
        if self.channel is not None:
            regions = [replace(r, channel=self.channel) for r in regions or [Region()]]
        return regions or None


def bounded_options(function: Command) -> Command:
    """Add the arguments and options that both commands have."""
    for option in (
        json_option,
        overwrite_option,
        seed_option,
        report_option,
        salvage_option,
        lossy_option,
        subtype_option,
        headroom_option,
        click.option(
            "--consistent/--no-consistent",
            default=True,
            show_default=True,
            help="Whether every restored sample stays within what is known of it.",
        ),
        click.option("--channel", type=click.IntRange(1), help="Restore this one. [default: all]"),
        click.option(
            "--region",
            "specs",
            multiple=True,
            help="T0-T1 in seconds (or h:mm:ss), to be restored alone; repeat for more. [default: "
            "all of IN]",
        ),
        click.option(
            "-o", "--output", type=PATH, required=True, help="The restored recording; - is stdout."
        ),
        click.argument("source", metavar="IN", type=PATH),
    ):
        function = option(function)
    return function


@command(cli, "declip")
@bounded_options
@click.option(
    "--level",
    type=click.FloatRange(min=0, min_open=True),
    help="Level of clipping on both sides, 1 for full scale. [default: found]",
)
@click.option(
    "--level-low",
    type=click.FloatRange(max=0, max_open=True),
    help="Level of the lower side alone, such as -0.8.",
)
@click.option(
    "--level-high",
    type=click.FloatRange(min=0, min_open=True),
    help="Level of the upper side alone.",
)
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    help="How near to its level a sample counts as clipped, 1 for full scale. [default: found; 0 "
    "with a level that is given]",
)
@click.option("--fast", is_flag=True, help="Take fewer steps: faster and weaker.")
def declip(
    level: float | None,
    level_low: float | None,
    level_high: float | None,
    tolerance: float | None,
    fast: bool,
    **given: Any,
) -> None:
    """Restore the peaks of a recording that clipping took.

    The level is found channel by channel, unless it is given. No sample below it changes, but by
    the gain that makes room for the peaks; the output says which. IN may be - for stdin.
    """
    from spectramend.restoration.bounded_files import declip_file

    if level is not None and (level_low is not None or level_high is not None):
        raise click.UsageError("--level is for both sides: leave out --level-low and --level-high.")
    sides = None if level_low is None and level_high is None else (level_low, level_high)
    levels: Levels | None = level if level is not None else sides
    options = {"levels": levels, "tolerance": tolerance, "fast": fast}
    _run(BoundedArguments(**given), declip_file, options)


@command(cli, "dequantize")
@bounded_options
@click.option(
    "--bits",
    type=click.IntRange(2, 24),
    required=True,
    help="Bits of a sample as IN was quantized.",
)
def dequantize(bits: int, **given: Any) -> None:
    """Restore samples that were rounded to a few bits.

    Each lies within half a step of what it was rounded to. IN of integers becomes OUT of 24 bits,
    unless --subtype says otherwise. IN may be - for stdin.
    """
    from spectramend.restoration.bounded_files import dequantize_file

    _run(BoundedArguments(**given), dequantize_file, {"bits": bits})


def _run(
    arguments: BoundedArguments, restore: Callable[..., FileRestoration], options: dict[str, Any]
) -> None:
    """Check, restore, and say what was done."""
    from spectramend import audio
    from spectramend.core.files import check_folder, check_output

    output, report = arguments.output, arguments.report
    if arguments.as_json and is_standard(output):
        raise click.UsageError("--json and -o - both write to stdout: give a file to one of them.")
    if not is_standard(output):
        check_output(output, overwrite=arguments.overwrite)
    if report is not None:
        check_folder(report, overwrite=arguments.overwrite)
    options |= {"regions": arguments.regions, "consistent": arguments.consistent}
    with input_file(arguments.source) as recording:
        info = audio.inspect(recording, salvage=arguments.salvage)
        if info.lossy:
            say(f"{arguments.source}: its coding is lossy; what comes out is coded without loss.")
        done = _restored(arguments, info, restore, options)
    for line in _channel_lines(done.channels):
        say(f"{arguments.source}: {line}")
    if done.jobs and done.gain == 1:
        say(f"{output}: not turned down: all other samples stay as they are.")
    say_written(output, report if done.jobs else None, done)
    if report is not None and not done.jobs:
        say(f"{report}: no report is written, because nothing was restored.")
    if arguments.as_json:
        result = result_json(output, arguments.seed, done)
        result["channels"] = [_channel_values(own) for own in done.channels]
        click.echo(json.dumps(finite(result)))


def _restored(
    arguments: BoundedArguments,
    info: FileInfo,
    restore: Callable[..., FileRestoration],
    options: dict[str, Any],
) -> FileRestoration:
    """Write the restored recording, and its report."""
    from spectramend import audio
    from spectramend.core.files import atomic_folder
    from spectramend.reports import repair_report
    from spectramend.restoration.options import OutputOptions

    overwrite, report = arguments.overwrite, arguments.report
    with (
        output_file(arguments.output, audio.usual_extension(info)) as target,
        progress() as show,
    ):
        done = restore(
            info,
            target,
            output=OutputOptions(arguments.subtype, arguments.lossy, overwrite, arguments.headroom),
            n_excerpts=0 if report is None else repair_report.MAX_EXCERPTS,
            progress=show,
            rng=arguments.seed,
            **options,
        )
        if report is not None and done.jobs:
            with atomic_folder(report, overwrite=overwrite) as folder:
                repair_report.write_report(
                    folder,
                    done,
                    target,
                    settings=reported_settings(),
                    command=repeating_command(),
                )
    return done


def _channel_lines(channels: tuple[ChannelRestoration, ...]) -> list[str]:
    """Say what was done to each channel, once where all are alike."""
    lines = [_channel_text(own) for own in channels]
    if len(set(lines)) == 1:
        return lines[:1]
    return [f"channel {number}: {line}" for number, line in enumerate(lines, 1)]


def _channel_text(own: ChannelRestoration) -> str:
    """Say what was done to a channel."""
    if not own.status.startswith("done"):
        return f"{own.status}."
    if own.level is None:
        doubt = own.status.removeprefix("done")
        return f"{100 * own.share:.3g} % of the samples are restored{doubt}."
    return f"{clipping_text(replace(own.level, share=own.share))}, are restored."


def _channel_values(own: ChannelRestoration) -> dict[str, Any]:
    """Describe what was done to a channel, for JSON."""
    level = None if own.level is None else clipping_values(own.level)
    return {"level": level, "share": own.share, "status": own.status}
