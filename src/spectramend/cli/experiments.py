"""Commands that run published experiments, and the demo, which is one of them."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spectramend.cli.base import (
    PATH,
    cli,
    command,
    json_option,
    keep_reliable_option,
    overwrite_option,
    print_table,
    progress,
    say,
    seed_option,
)

if TYPE_CHECKING:
    from spectramend.experiments import thiemann2015
    from spectramend.experiments._common.results import Result


mask_kind_option = click.option(
    "--mask",
    type=click.Choice(["notebook", "exact"]),
    default="notebook",
    show_default=True,
    help="exact: the mask knows the interferer's gain in the mix.",
)


@cli.group("experiment")
def experiment_group() -> None:
    """Run a published experiment and print its table."""


@command(experiment_group, "thiemann2015")
@click.option("--data", type=PATH, required=True, help="Folder with item_01_MA … item_01_ML.")
@click.option("-o", "--output", type=PATH, help="Folder for sounds, figures, table, index.html.")
@mask_kind_option
@seed_option
@overwrite_option
@json_option
def experiment_thiemann2015(
    data: Path, output: Path | None, mask: Any, seed: int, overwrite: bool, as_json: bool
) -> None:
    """Run the 2015 notebook "Audio Spectrum Inpainting using NMF", and ours beside it."""
    from spectramend.experiments import thiemann2015

    arguments = ["experiment", "thiemann2015", "--data", str(data), "--mask", mask, "--overwrite"]
    recordings = thiemann2015.load(data)
    _run_thiemann2015(recordings, arguments, output, mask, seed, overwrite, as_json)


@command(experiment_group, "voices")
@click.option("--data", type=PATH, required=True, help="Folder with a folder for each voice.")
@click.option("-o", "--output", type=PATH, help="Folder for the tables and figures.")
@keep_reliable_option
@seed_option
@overwrite_option
@json_option
def experiment_voices(
    data: Path,
    output: Path | None,
    keep_reliable: bool,
    seed: int,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Cover every voice by the next one, and restore it under an ideal and an estimated mask.

    A voice needs at least 4 recordings: the first is mixed, the others train its dictionary.
    """
    from spectramend.core.files import check_folder
    from spectramend.experiments import voices

    if output is not None:
        check_folder(output, overwrite=overwrite)
    recordings = voices.load(data, say=say)
    with progress() as show:
        result = voices.run(recordings, keep_reliable=keep_reliable, seed=seed, progress=show)
    print_result(result, output, overwrite, as_json)


@command(experiment_group, "occlusion")
@click.option("--data", type=PATH, required=True, help="Folder with speech, music and events.")
@click.option(
    "--damage",
    type=click.Choice(["occluded", "missing"]),
    default="occluded",
    show_default=True,
    help="missing: what an event covers is deleted instead.",
)
@click.option("-o", "--output", type=PATH, help="Folder for the tables and figures.")
@seed_option
@overwrite_option
@json_option
def experiment_occlusion(
    data: Path, damage: Any, output: Path | None, seed: int, overwrite: bool, as_json: bool
) -> None:
    """Lay every event over every recording, and repair the box that holds it."""
    from spectramend.core.files import check_folder
    from spectramend.experiments import occlusion

    if output is not None:
        check_folder(output, overwrite=overwrite)
    material = occlusion.load(data)
    with progress() as show:
        result = occlusion.run(material, damage=damage, seed=seed, progress=show)
    print_result(result, output, overwrite, as_json)


@command(experiment_group, "everyday")
@click.option("--data", type=PATH, required=True, help="Folder with speech and music.")
@click.option("--kinds", help="Which kinds of damage, such as hum_steady,gsm. [default: all]")
@click.option("-o", "--output", type=PATH, help="Folder for the tables.")
@seed_option
@overwrite_option
@json_option
def experiment_everyday(
    data: Path, kinds: str | None, output: Path | None, seed: int, overwrite: bool, as_json: bool
) -> None:
    """Lay everyday damage of twelve kinds over every recording, and repair it.

    The table compares our repair with leaving the damage, muting it, interpolation, and the usual
    filter; --json has all of them.
    """
    from spectramend.core.files import check_folder
    from spectramend.experiments import everyday

    if output is not None:
        check_folder(output, overwrite=overwrite)
    chosen = everyday.checked_kinds(None if kinds is None else kinds.split(","))
    recordings = everyday.load(data)
    with progress() as show:
        result = everyday.run(recordings, kinds=chosen, seed=seed, progress=show)
    print_result(result, output, overwrite, as_json)


def whole_numbers(
    context: click.Context, option: click.Parameter, text: str | None
) -> list[int] | None:
    """Read whole numbers with commas between them."""
    try:
        return None if text is None else [int(number) for number in text.split(",")]
    except ValueError:
        raise click.BadParameter(f"{text!r}: give whole numbers, such as 20,40,80.") from None


@command(experiment_group, "gaps")
@click.option("--data", type=PATH, required=True, help="Folder of recordings of 3 s or more.")
@click.option(
    "--gap-ms",
    callback=whole_numbers,
    help="Lengths of gaps, such as 20,40,80. [default: 20,30,...,80]",
)
@click.option("--methods", help="Which methods, such as janssen,spectramend. [default: all]")
@click.option("-o", "--output", type=PATH, help="Folder for the tables.")
@seed_option
@overwrite_option
@json_option
def experiment_gaps(
    data: Path,
    gap_ms: list[int] | None,
    methods: str | None,
    output: Path | None,
    seed: int,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Cut ten gaps into every recording and fill them.

    Where the recordings are those of published results, these stand beside ours. Most of the time
    goes into em_tf, am and am_to_em_tf; --methods can leave them out.
    """
    from spectramend.core.files import check_folder
    from spectramend.experiments import gaps

    if output is not None:
        check_folder(output, overwrite=overwrite)
    recordings = gaps.load(data)
    with progress() as show:
        result = gaps.run(
            recordings,
            gap_ms=gap_ms or gaps.GAP_MS,
            methods=None if methods is None else methods.split(","),
            seed=seed,
            progress=show,
        )
    print_result(result, output, overwrite, as_json)


@command(experiment_group, "columns")
@click.option("--data", type=PATH, required=True, help="Folder of recordings of 3 s or more.")
@click.option(
    "--columns",
    callback=whole_numbers,
    help="Columns of a gap, such as 2,4,6. [default: 1,2,...,6]",
)
@click.option("--positions", type=PATH, help="JSON that maps columns to the first frames of gaps.")
@click.option("-o", "--output", type=PATH, help="Folder for the tables.")
@seed_option
@overwrite_option
@json_option
def experiment_columns(
    data: Path,
    columns: list[int] | None,
    positions: Path | None,
    output: Path | None,
    seed: int,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Lose columns of the spectrum of every recording, and restore its signal."""
    from spectramend.core.files import check_folder
    from spectramend.experiments import columns as experiment

    if output is not None:
        check_folder(output, overwrite=overwrite)
    where = None if positions is None else experiment.read_positions(positions)
    recordings = experiment.load(data)
    with progress() as show:
        result = experiment.run(
            recordings,
            columns=columns or list(where or experiment.GAP_COLUMNS),
            positions=where,
            seed=seed,
            progress=show,
        )
    print_result(result, output, overwrite, as_json)


def print_result(
    result: Result,
    output: Path | None,
    overwrite: bool,
    as_json: bool,
    commands: tuple[str, ...] = (),
) -> None:
    """Write the folder of an experiment, and print its tables."""
    from spectramend.core.files import atomic_folder
    from spectramend.experiments._common.output import tables, unavailable_metrics, write

    if output is not None:
        with atomic_folder(output, overwrite=overwrite) as folder:
            write(folder, result, commands)
    if as_json:
        click.echo(json.dumps(result.as_json))
    else:
        for table in tables(result):
            print_table(table)
    for line in unavailable_metrics(result):
        say(line)
    if output is not None and result.page is not None:
        say(f"Listen and look: {(output / 'index.html').absolute()}")
    elif output is not None:
        say(f"Tables{' and figures' if result.drawings else ''}: {output.absolute()}")


@command(cli, "demo")
@click.option(
    "-o",
    "--output",
    type=PATH,
    default=Path("spectramend-demo"),
    show_default=True,
    help="Folder for sounds, figures, table, index.html; an earlier demo is replaced.",
)
@mask_kind_option
@seed_option
@json_option
def demo(output: Path, mask: Any, seed: int, as_json: bool) -> None:
    """Run the 2015 experiment on two bundled synthetic voices."""
    from spectramend.experiments import thiemann2015

    recordings = thiemann2015.load_bundled()
    arguments = ["demo", "--mask", mask]
    _run_thiemann2015(recordings, arguments, output, mask, seed, True, as_json)


def _run_thiemann2015(
    recordings: thiemann2015.Recordings,
    arguments: list[str],
    output: Path | None,
    mask: thiemann2015.MaskKind,
    seed: int,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Run the experiment, write its folder, and print its table."""
    from spectramend.core.files import check_folder
    from spectramend.experiments import thiemann2015

    if output is not None:
        check_folder(output, overwrite=overwrite)
    with progress() as show:
        result = thiemann2015.run(recordings, mask=mask, seed=seed, progress=show)
    commands = []
    if output is not None:  # the other commands of the page name files of its folder
        again = ["spectramend", *arguments, "--seed", str(seed), "-o", str(output)]
        commands = [*_path_commands(), shlex.join(again), shlex.join(["cd", str(output)])]
    print_result(result, output, overwrite, as_json, tuple(commands))


def _path_commands() -> list[str]:
    """Give the command by which a shell finds this program, if it does not: in a `.venv`, say."""
    folder = Path(sys.executable).parent
    if shutil.which("spectramend") is not None or not (folder / "spectramend").exists():
        return []
    if folder.is_relative_to(Path.cwd()):
        return [f'PATH="$PWD/{folder.relative_to(Path.cwd())}:$PATH"']
    return [f"PATH={shlex.quote(str(folder))}:$PATH"]
