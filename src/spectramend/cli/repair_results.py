"""What repairs print: a line for each job, JSON, and the command that repeats it."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spectramend.cli.base import say

if TYPE_CHECKING:
    from spectramend.restoration.recording_files import FileRepair

MAX_JOB_LINES = 20  # lines for jobs on stderr, one each; engineering choice
NOT_REPORTED = ("report", "overwrite", "as_json", "quiet", "debug")  # settings without an effect
NOT_REPEATED = ("overwrite", "as_json", "quiet", "debug", "version")


def say_done(source: Path, output: Path, report: Path | None, done: FileRepair) -> None:
    """Say what was done, part by part, and how the file was written."""
    from spectramend.restoration.jobs import job_text

    for job in done.jobs[:MAX_JOB_LINES]:
        say(f"{source}: {job_text(job)}")
    if len(done.jobs) > MAX_JOB_LINES:
        say(f"{source}: and {len(done.jobs) - MAX_JOB_LINES} more repairs.")
    say_written(output, report, done)


def say_written(output: Path, report: Path | None, done: FileRepair) -> None:
    """Say how the file was written."""
    from spectramend.restoration.headroom import gain_db

    for note in done.written.notes:
        say(f"{output}: {note}")
    if done.gain != 1:
        say(
            f"{output}: turned down by {-gain_db(done.gain):.2f} dB, so that restored peaks do not "
            f"clip: all other samples differ by this gain alone."
        )
    if done.written.clipped:
        say(
            f"{output}: {done.written.clipped} repaired samples go over full scale and were "
            f"limited; --subtype FLOAT keeps them."
        )
    if report is not None:
        say(f"Look and listen: {(report / 'index.html').absolute()}")


def result_json(output: Path, seed: int, done: FileRepair) -> dict[str, Any]:
    """Describe what was done, for --json."""
    from spectramend.reports.repair_report import job_json
    from spectramend.restoration.headroom import gain_db

    return {
        "output": str(output),
        "container": done.written.container,
        "subtype": done.written.subtype,
        "jobs": [job_json(job) for job in done.jobs],
        "clipped": done.written.clipped,
        "gain_db": gain_db(done.gain),
        "notes": list(done.written.notes),
        "seed": seed,
        "seconds": round(done.seconds, 3),
    }


def reported_settings() -> dict[str, Any]:
    """Select the settings for a report; of paths only the names."""

    def plain(value: Any) -> Any:
        if isinstance(value, Path):
            return value.name
        return [plain(item) for item in value] if isinstance(value, tuple) else value

    given = click.get_current_context().params
    return {key: plain(value) for key, value in given.items() if key not in NOT_REPORTED}


def repeating_command() -> str:
    """Write the command that does the same again."""
    context = click.get_current_context()
    given = context.params
    words = ["spectramend", str(context.command.name)]
    for option in context.command.params:
        value = given.get(str(option.name))
        if not isinstance(option, click.Option) or option.name in NOT_REPEATED:
            continue
        if value in (None, ()) or (value == option.default and option.name != "seed"):
            continue
        flag = option.opts[-1]
        if option.is_flag:
            words += [flag] if value else list(option.secondary_opts)
        else:
            for item in value if isinstance(value, tuple) else (value,):
                words += [flag, str(item)]
    return shlex.join([*words, str(given["source"])])
