"""What all commands share: options, errors of one line, messages, progress, tables."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from spectramend._version import __version__
from spectramend.core.threads import limited_threads
from spectramend.errors import SpectramendError

if TYPE_CHECKING:
    from spectramend.core.stft import STFT
    from spectramend.reports.results_table import Table

Command = TypeVar("Command", bound=Callable[..., Any])
PATH = click.Path(path_type=Path)

INTERRUPTED = 130  # exit status after Ctrl-C, as of a shell: 128 + SIGINT
PIPE_WIDTH = 200  # characters of a line of a table in a pipe; engineering choice


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="spectramend")
def cli() -> None:
    """Restore missing or covered parts of an audio spectrum."""


def main() -> NoReturn:
    """Run the command line; `sys.exit` with 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    try:
        sys.exit(cli(standalone_mode=False) or 0)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo("spectramend: interrupted.", err=True)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # The reader of stdout went away; Python must not complain about it again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def command(group: click.Group, name: str) -> Callable[[Command], click.Command]:
    """Make a command with the options that every command has, and errors of one line."""

    def decorate(function: Command) -> click.Command:
        @functools.wraps(function)
        def run(*args: Any, threads: int | None, quiet: bool, debug: bool, **options: Any) -> None:
            context = click.get_current_context()
            context.obj = {"quiet": quiet}
            try:
                with limited_threads(threads):
                    function(*args, **options)
            except (SpectramendError, OSError, MemoryError) as error:
                if debug:
                    raise
                text = " ".join((str(error) or type(error).__name__).split())
                click.echo(f"spectramend: error: {text}", err=True)
                context.exit(1)

        for option in (
            click.option("--debug", is_flag=True, help="Show where an error comes from."),
            click.option("--quiet", is_flag=True, help="No progress and no messages."),
            click.option("--threads", type=click.IntRange(1), help="Threads for matrix products."),
            click.version_option(__version__, prog_name="spectramend"),
        ):
            run = option(run)
        return group.command(name)(run)

    return decorate


def say(text: str) -> None:
    """Print a message to stderr, unless asked to be quiet."""
    if not click.get_current_context().obj["quiet"]:
        click.echo(text, err=True)


seed_option = click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Fixes every random draw."
)
overwrite_option = click.option("--overwrite", is_flag=True, help="Replace existing output.")
keep_reliable_option = click.option(
    "--keep-reliable", is_flag=True, help="Keep reliable cells exactly, also of occluded damage."
)
salvage_option = click.option(
    "--salvage", is_flag=True, help="Accept a truncated recording, as far as it goes."
)
headroom_option = click.option(
    "--headroom",
    type=click.Choice(["auto", "none"]),
    default="auto",
    show_default=True,
    help="Where restored peaks exceed full scale, turn all of OUT down by the least gain with "
    "which they fit (auto), or keep all other samples bit for bit (none), which needs a "
    "floating-point coding.",
)
subtype_option = click.option(
    "--subtype", help="Coding of samples: PCM_16, PCM_24, FLOAT, ... [default: that of IN]"
)
lossy_option = click.option(
    "--lossy",
    is_flag=True,
    help="Allow MP3, Ogg and other lossy codings of OUT: then every sample changes.",
)
report_option = click.option(
    "--report", type=PATH, help="Folder for a page, figures, sounds and JSON."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout.")


@contextlib.contextmanager
def flags_named(flags: dict[str, str]) -> Iterator[None]:
    """Report options that do not apply as wrong usage, by `flags` where named otherwise."""
    from spectramend.errors import OptionError

    try:
        yield
    except OptionError as error:
        flag = flags.get(error.option, f"--{error.option.replace('_', '-')}")
        raise click.UsageError(f"{flag}: {error.reason}") from None


def is_standard(path: Path) -> bool:
    """Whether a path stands for stdin or stdout."""
    return str(path) == "-"


@contextlib.contextmanager
def input_file(path: Path) -> Iterator[Path]:
    """Give a path to read from; what comes from stdin goes through a temporary file."""
    if not is_standard(path):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="spectramend-") as folder:
        copy = Path(folder) / "stdin"
        with copy.open("wb") as stream:
            shutil.copyfileobj(sys.stdin.buffer, stream)
        yield copy


@contextlib.contextmanager
def output_file(path: Path, ending: str) -> Iterator[Path]:
    """Give a path to write to; what is for stdout goes through a temporary file."""
    if not is_standard(path):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="spectramend-") as folder:
        copy = Path(folder) / f"stdout{ending}"
        yield copy
        with copy.open("rb") as stream:
            shutil.copyfileobj(stream, sys.stdout.buffer)
        sys.stdout.buffer.flush()


def stft_options(function: Command) -> Command:
    """Add the options of a transform."""
    for option in (
        click.option("--hop-length", type=int, help="Samples between frames. [default: n-fft/4]"),
        click.option(
            "--n-fft",
            type=int,
            help="Samples in a frame. [default: 1024; of regions, what suits them]",
        ),
    ):
        function = option(function)
    return function


def transform(n_fft: int | None, hop_length: int | None) -> STFT:
    """Make a transform: Hann window, centred frames; of 1024 samples by default."""
    from spectramend.core.stft import STFT

    size = 1024 if n_fft is None else n_fft
    return STFT(size, max(1, size // 4) if hop_length is None else hop_length)


@contextlib.contextmanager
def progress() -> Iterator[Callable[[str, int, int], None]]:
    """Show progress on stderr: a bar on a terminal, a line a step elsewhere."""
    if click.get_current_context().obj["quiet"]:
        yield lambda name, done, total: None
    elif not sys.stderr.isatty():
        yield lambda name, done, total: click.echo(f"[{done}/{total}] {name}", err=True)
    else:
        from rich.console import Console
        from rich.progress import Progress

        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("starting", total=None)

            def show(name: str, done: int, total: int) -> None:
                bar.update(task, description=name, completed=done, total=total)

            yield show


def print_table(table: Table) -> None:
    """Print a table on stdout, under its heading."""
    from rich.console import Console
    from rich.table import Table as Grid

    from spectramend.display import column_texts

    if table.heading is not None:
        click.echo(table.heading)
    grid = Grid()
    for column in table.columns:
        number = not isinstance(table.rows[0][column.key], str)
        grid.add_column(column.title, justify="right" if number else "left", no_wrap=True)
    texts = [column_texts([row[column.key] for row in table.rows]) for column in table.columns]
    for row in zip(*texts, strict=True):
        grid.add_row(*row)
    # A terminal narrower than the table would cut it; a pipe has no width at all.
    width = None if sys.stdout.isatty() else PIPE_WIDTH
    Console(width=width).print(grid)


def finite(value: Any) -> Any:
    """Replace numbers that JSON does not have, infinity and NaN, by null."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [finite(item) for item in value]
    if isinstance(value, float) and value - value != 0:
        return None
    return value
