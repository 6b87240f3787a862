"""The command that repairs regions or hidden cells of a recording."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from spectramend.cli.base import (
    PATH,
    cli,
    command,
    finite,
    flags_named,
    headroom_option,
    input_file,
    is_standard,
    json_option,
    keep_reliable_option,
    lossy_option,
    output_file,
    overwrite_option,
    progress,
    report_option,
    salvage_option,
    say,
    seed_option,
    stft_options,
    subtype_option,
)
from spectramend.cli.repair_inputs import Arguments, read_damage
from spectramend.cli.repair_results import (
    repeating_command,
    reported_settings,
    result_json,
    say_done,
)

if TYPE_CHECKING:
    from spectramend.audio import FileInfo
    from spectramend.core.masks import Mask
    from spectramend.core.regions import Region
    from spectramend.restoration.options import RepairOptions
    from spectramend.restoration.recording_files import FileRepair

FLAGS = {  # of options named otherwise
    "context_s": "--context",
    "stft": "--n-fft and --hop-length",
    "hum_hz": "--hum",
}


@command(cli, "repair")
@click.argument("source", metavar="IN", type=PATH)
@click.option(
    "-o", "--output", type=PATH, required=True, help="The repaired recording; - is stdout."
)
@click.option(
    "--region",
    "specs",
    multiple=True,
    help="T0-T1[@F0-F1] in seconds (or h:mm:ss) and Hz, such as 1.2-1.45@800-3k; repeat for more. "
    "A side left out is open.",
)
@click.option(
    "--labels",
    type=PATH,
    help="Regions from Audacity, Raven, Sonic Visualiser, Praat, Audition, Premiere, REAPER.",
)
@click.option(
    "--frame-rate", type=float, help="Frames a second of timecode in --labels, such as 25 or 29.97."
)
@click.option("--mask", "mask_file", type=PATH, help="Mask of cells: .npz, .npy or .png.")
@click.option(
    "--detect", "detects", is_flag=True, help="Find dropouts, clicks, clipped runs and hum."
)
@click.option(
    "--hum",
    is_flag=False,
    flag_value="auto",
    metavar="[auto|50|60|HZ]",
    help="Subtract hum of mains or whines from all of IN: found by itself, or of a fundamental.",
)
@click.option(
    "--damage",
    type=click.Choice(["auto", "missing", "occluded", "hum", "pulses", "clipped"]),
    default="auto",
    show_default=True,
    help="Whether samples are lost (missing), covered by another sound (occluded), by steady tones "
    "(hum), or by repeating pulses (pulses), or clipped. auto: classify each region, or as the "
    "mask file says.",
)
@click.option(
    "--dictionary",
    "dictionaries",
    type=PATH,
    multiple=True,
    help="Dictionary of the target; repeat for several of one kind. [default: learned from IN]",
)
@click.option(
    "--context",
    "context_s",
    type=float,
    default=2.0,
    show_default=True,
    help="Seconds of context that are used on either side of a region.",
)
@click.option(
    "--method",
    type=click.Choice(["auto", "hybrid", "ar", "janssen", "em_tf", "am", "am_to_em_tf"]),
    default="auto",
    show_default=True,
    help="How to fill gaps: autoregressive models of both sides (ar), averaged with NMF and "
    "template matching where these disagree (hybrid), one autoregressive model (janssen), NMF "
    "(em_tf, am, am_to_em_tf). auto: by the length of a gap and its surroundings.",
)
@click.option(
    "--channel", type=click.IntRange(1), help="Channel of regions that name none. [default: all]"
)
@keep_reliable_option
@stft_options
@subtype_option
@lossy_option
@headroom_option
@salvage_option
@report_option
@seed_option
@overwrite_option
@json_option
def repair(**given: Any) -> None:
    """Restore damaged regions of a recording, or the hidden cells of a mask.

    Say what is damaged by --region, --labels, --mask, --detect or --hum. No other sample changes;
    container and coding stay what they are, unless OUT is named otherwise. Where clipped peaks are
    restored, all is turned down if they need room. IN may be - for stdin.
    """
    from spectramend import audio
    from spectramend.core.regions import Region

    arguments = Arguments(**given)
    _check_usage(arguments)
    options = _options(arguments)
    regions = [Region.parse(spec) for spec in arguments.specs]
    _check_outputs(arguments)
    with input_file(arguments.source) as recording:
        info = audio.inspect(recording, salvage=arguments.salvage)
        if info.lossy:
            say(f"{arguments.source}: its coding is lossy; what comes out is coded without loss.")
        done = _repair(arguments, info, read_damage(arguments, info, regions), options)
    say_done(arguments.source, arguments.output, arguments.report, done)
    if arguments.as_json:
        result = result_json(arguments.output, arguments.seed, done)
        click.echo(json.dumps(finite(result)))


def _check_usage(arguments: Arguments) -> None:
    """Refuse options that contradict each other."""
    sources = (
        arguments.specs,
        arguments.labels,
        arguments.mask_file,
        arguments.detects,
        arguments.hum,
    )
    if sum(bool(source) for source in sources) != 1:
        raise click.UsageError(
            "Say what is damaged by one of --region, --labels, --mask, --detect, --hum."
        )
    if arguments.frame_rate is not None and arguments.labels is None:
        raise click.UsageError("--frame-rate goes with --labels.")
    if arguments.mask_file is not None and arguments.channel is not None:
        raise click.UsageError("--channel goes with regions: a mask is that of every channel.")
    if arguments.as_json and is_standard(arguments.output):
        raise click.UsageError("--json and -o - both write to stdout: give a file to one of them.")


def _options(arguments: Arguments) -> RepairOptions:
    """Read dictionaries, and make options of the library; refuse those that do not apply."""
    from spectramend.inpainting.dictionary import Dictionary
    from spectramend.restoration.options import check_options

    stft = arguments.stft
    options: RepairOptions = {
        "damage": arguments.damage,
        "dictionary": [Dictionary.load(path) for path in arguments.dictionaries] or None,
        "stft": stft,
        "context_s": arguments.context_s if _is_given("context_s") else None,
        "method": arguments.method,
        "hum_hz": arguments.hum_hz,
        "keep_reliable": arguments.keep_reliable or None,
    }
    with flags_named(FLAGS):
        check_options(options, with_mask=arguments.mask_file is not None)
    return options


def _check_outputs(arguments: Arguments) -> None:
    """Refuse outputs that cannot be written, before the repair."""
    from spectramend.core.files import check_folder, check_output

    if not is_standard(arguments.output):
        check_output(arguments.output, overwrite=arguments.overwrite)
    if arguments.report is not None:
        check_folder(arguments.report, overwrite=arguments.overwrite)


def _repair(
    arguments: Arguments, info: FileInfo, damaged: Mask | list[Region], options: RepairOptions
) -> FileRepair:
    """Write the repaired recording, and its report."""
    from spectramend import audio
    from spectramend.core.files import atomic_folder
    from spectramend.reports import repair_report
    from spectramend.restoration.options import OutputOptions
    from spectramend.restoration.recording_files import repair_file

    overwrite = arguments.overwrite
    with (
        flags_named(FLAGS),
        output_file(arguments.output, audio.usual_extension(info)) as target,
        progress() as show,
    ):
        done = repair_file(
            info,
            target,
            damaged,
            output=OutputOptions(arguments.subtype, arguments.lossy, overwrite, arguments.headroom),
            n_excerpts=0 if arguments.report is None else repair_report.MAX_EXCERPTS,
            progress=show,
            rng=arguments.seed,
            **options,
        )
        if arguments.report is not None:
            settings, command_text = reported_settings(), repeating_command()
            with atomic_folder(arguments.report, overwrite=overwrite) as folder:
                repair_report.write_report(
                    folder, done, target, settings=settings, command=command_text
                )
    return done


def _is_given(name: str) -> bool:
    """Whether an option stands on the command line."""
    given = click.get_current_context().get_parameter_source(name)
    return given is click.core.ParameterSource.COMMANDLINE
