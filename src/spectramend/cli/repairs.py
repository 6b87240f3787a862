"""The command that repairs."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spectramend.cli.base import (
    PATH,
    cli,
    command,
    finite,
    input_file,
    is_standard,
    json_option,
    keep_reliable_option,
    output_file,
    overwrite_option,
    progress,
    say,
    seed_option,
    stft_options,
    transform,
)
from spectramend.cli.detections import count_text, salvage_option
from spectramend.errors import FileError, ParameterError

if TYPE_CHECKING:
    from spectramend.audio import FileInfo
    from spectramend.core.masks import Mask
    from spectramend.core.regions import Region
    from spectramend.core.stft import STFT
    from spectramend.restoration.recording_files import FileRepair
    from spectramend.restoration.types import RepairOptions

FLAGS = {"context_s": "--context", "stft": "--n-fft and --hop-length"}  # others: by their names
MANY = 20  # repairs of which each gets a line


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
@click.option("--labels", type=PATH, help="Regions from Audacity, Raven, Sonic Visualiser, Praat.")
@click.option("--mask", "mask_file", type=PATH, help="Mask of cells: .npz, .npy or .png.")
@click.option("--detect", "detects", is_flag=True, help="Find dropouts, clicks and clipped runs.")
@click.option(
    "--damage",
    type=click.Choice(["auto", "missing", "occluded"]),
    default="auto",
    show_default=True,
    help="What is wrong: nothing is left (missing) or something lies over it (occluded). auto: "
    "look, or as the mask file says.",
)
@click.option(
    "--dictionary",
    "dictionaries",
    type=PATH,
    multiple=True,
    help="How the target sounds; repeat for several of one kind. [default: learned from IN]",
)
@click.option(
    "--context",
    "context_s",
    type=float,
    default=2.0,
    show_default=True,
    help="Seconds on either side of a region to look at.",
)
@click.option(
    "--method",
    type=click.Choice(["auto", "hybrid", "ar", "janssen", "em_tf", "am", "am_to_em_tf"]),
    default="auto",
    show_default=True,
    help="How to fill gaps: models of both sides (ar), asking others where these do not agree "
    "(hybrid), one model (janssen), nonnegative factors (em_tf, am, am_to_em_tf). auto: by the "
    "length of a gap and by what is around it.",
)
@click.option(
    "--channel", type=click.IntRange(1), help="Channel of regions that name none. [default: all]"
)
@keep_reliable_option
@stft_options
@click.option(
    "--subtype", help="How to code samples: PCM_16, PCM_24, FLOAT, ... [default: that of IN]"
)
@click.option(
    "--lossy", is_flag=True, help="Let OUT be MP3, Ogg or the like: then every sample changes."
)
@salvage_option
@click.option("--report", type=PATH, help="Folder for a page, figures, sounds and JSON.")
@seed_option
@overwrite_option
@json_option
def repair(
    source: Path,
    output: Path,
    specs: tuple[str, ...],
    labels: Path | None,
    mask_file: Path | None,
    detects: bool,
    damage: Any,
    dictionaries: tuple[Path, ...],
    context_s: float,
    method: Any,
    channel: int | None,
    keep_reliable: bool,
    n_fft: int | None,
    hop_length: int | None,
    subtype: str | None,
    lossy: bool,
    salvage: bool,
    report: Path | None,
    seed: int,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Restore damaged regions of a recording, or the hidden cells of a mask.

    Say what is damaged by --region, --labels, --mask or --detect. No other sample changes;
    container and coding stay what they are, unless OUT is named otherwise. IN may be - for stdin.
    """
    from spectramend import audio
    from spectramend.core.files import atomic_folder, check_folder, check_output
    from spectramend.core.regions import Region
    from spectramend.inpainting.dictionary import Dictionary
    from spectramend.reports import repair_report
    from spectramend.restoration.recording_files import OutputOptions, detect_file, repair_file
    from spectramend.restoration.types import check_options

    given = [bool(specs), labels is not None, mask_file is not None, detects]
    if sum(given) != 1:
        raise click.UsageError(
            "Say what is damaged by one of --region, --labels, --mask, --detect."
        )
    if mask_file is not None and channel is not None:
        raise click.UsageError("--channel goes with regions: a mask is that of every channel.")
    if as_json and is_standard(output):
        raise click.UsageError("--json and -o - both write to stdout: give a file to one of them.")
    stft = None if n_fft is None and hop_length is None else transform(n_fft, hop_length)
    options: RepairOptions = {
        "damage": damage,
        "dictionary": [Dictionary.load(path) for path in dictionaries] or None,
        "stft": stft,
        "context_s": context_s if _is_given("context_s") else None,
        "method": method,
        "keep_reliable": keep_reliable or None,
    }
    with _flags_named():
        check_options(options, with_mask=mask_file is not None)
    regions = [Region.parse(spec) for spec in specs]
    if not is_standard(output):
        check_output(output, overwrite=overwrite)
    if report is not None:
        check_folder(report, overwrite=overwrite)
    with input_file(source) as recording:
        info = audio.inspect(recording, salvage=salvage)
        if info.lossy:
            say(f"{source}: its coding is lossy; what comes out is coded without loss.")
        damaged: Mask | list[Region]
        if mask_file is not None:
            damaged = _mask(mask_file, info, stft, damage)
        else:
            if labels is not None:
                regions = _labelled(labels, info)
            elif detects:
                with progress() as show:
                    regions = detect_file(info, progress=show)[1]
                say(count_text(regions))
            damaged = _prepared(regions, info, channel)
        with (
            _flags_named(),
            output_file(output, audio.usual_extension(info)) as target,
            progress() as show,
        ):
            done = repair_file(
                info,
                target,
                damaged,
                output=OutputOptions(subtype, lossy, overwrite),
                n_excerpts=repair_report.MAX_EXCERPTS if report is not None else 0,
                progress=show,
                rng=seed,
                **options,
            )
            if report is not None:
                settings = dict(click.get_current_context().params)
                with atomic_folder(report, overwrite=overwrite) as folder:
                    repair_report.write_report(
                        folder, done, target, settings=_plain(settings), command=_again(settings)
                    )
    _tell(source, output, done, report)
    if as_json:
        jobs = [{"start": j.start, "stop": j.stop, **repair_report.row(j)} for j in done.jobs]
        click.echo(
            json.dumps(
                finite(
                    {
                        "output": str(output),
                        "container": done.written.container,
                        "subtype": done.written.subtype,
                        "jobs": jobs,
                        "clipped": done.written.clipped,
                        "notes": list(done.written.notes),
                        "seed": seed,
                        "seconds": round(done.seconds, 3),
                    }
                )
            )
        )


def _mask(path: Path, info: FileInfo, stft: STFT | None, damage: str) -> Mask:
    """Read a mask; arrays and pictures need a transform, and to be told the damage."""
    from spectramend.core.masks import Mask

    if stft is None and path.suffix != ".npz":
        stft = transform(None, None)
    told = None if damage == "auto" else damage
    return Mask.load(path, stft=stft, sr=info.sr, damage=told)  # type: ignore[arg-type]


def _labelled(path: Path, info: FileInfo) -> list[Region]:
    """Read regions, and leave points out."""
    from spectramend.labels import read_regions

    found = read_regions(path, sr=info.sr)
    regions = [region for region in found if not region.is_point]
    if len(regions) < len(found):
        say(f"{path}: {len(found) - len(regions)} points have no length and are left out.")
    if not regions:
        raise FileError(f"{path}: holds points only: give regions a length.")
    try:
        for region in regions:
            region.samples(length=info.length, sr=info.sr)
    except ParameterError as error:
        raise FileError(f"{path}: {error}") from None
    return regions


def _prepared(regions: list[Region], info: FileInfo, channel: int | None) -> list[Region]:
    """Give regions their channel, and say where they are cut at the Nyquist frequency."""
    if channel is not None and regions and all(r.channel is not None for r in regions):
        raise click.UsageError(
            "--channel is for regions that name no channel, and all of them do: leave it out."
        )
    prepared = []
    for region in regions:
        if region.exceeds_nyquist(info.sr):
            region.band(sr=info.sr)  # refuses what lies wholly above
            say(f"region {region}: is cut at {info.sr / 2:g} Hz, the highest frequency there is.")
            region = replace(region, f_high_hz=None)
        prepared.append(region if region.channel is not None else replace(region, channel=channel))
    return prepared


def _is_given(name: str) -> bool:
    """Tell whether an option stands on the command line."""
    given = click.get_current_context().get_parameter_source(name)
    return given is click.core.ParameterSource.COMMANDLINE


@contextmanager
def _flags_named() -> Iterator[None]:
    """Turn options that do not apply into wrong usage, which names their flags."""
    from spectramend.errors import OptionError

    try:
        yield
    except OptionError as error:
        flag = FLAGS.get(error.option, f"--{error.option.replace('_', '-')}")
        raise click.UsageError(f"{flag}: {error.reason}") from None


def _tell(source: Path, output: Path, done: FileRepair, report: Path | None) -> None:
    """Say what was done."""
    from spectramend.restoration.types import job_text

    for job in done.jobs[:MANY]:
        say(f"{source}: {job_text(job)}")
    if len(done.jobs) > MANY:
        say(f"{source}: and {len(done.jobs) - MANY} more repairs.")
    for note in done.written.notes:
        say(f"{output}: {note}")
    if done.written.clipped:
        say(
            f"{output}: {done.written.clipped} repaired samples go over full scale and were "
            f"limited; --subtype FLOAT keeps them."
        )
    if report is not None:
        say(f"Look and listen: {(report / 'index.html').absolute()}")


def _plain(settings: dict[str, Any]) -> dict[str, Any]:
    """Put options into a form that JSON holds; paths by their names."""

    def plain(value: Any) -> Any:
        if isinstance(value, Path):
            return value.name
        return [plain(item) for item in value] if isinstance(value, tuple) else value

    shown = ("report", "overwrite", "as_json", "quiet", "debug")
    return {key: plain(value) for key, value in settings.items() if key not in shown}


def _again(settings: dict[str, Any]) -> str:
    """Write the command that does the same again."""
    words = ["spectramend", "repair"]
    options = {option.name: option for option in repair.params if isinstance(option, click.Option)}
    for name, option in options.items():
        value = settings.get(str(name))
        if name in ("quiet", "debug", "as_json", "overwrite", "version") or value in (None, ()):
            continue
        if value == option.default and name != "seed":
            continue
        flag = option.opts[-1]
        if option.is_flag:
            words += [flag] if value else []
        else:
            for item in value if isinstance(value, tuple) else (value,):
                words += [flag, str(item)]
    return shlex.join([*words, str(settings["source"])])
