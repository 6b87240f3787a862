"""What the repair command prints: a line for each job, JSON, and the command that repeats it."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spectramend.cli.base import say

if TYPE_CHECKING:
    from spectramend.cli.repair_inputs import Arguments
    from spectramend.restoration.recording_files import FileRepair

MAX_JOB_LINES = 20  # lines for jobs on stderr, one each; engineering choice
NOT_REPORTED = ("report", "overwrite", "as_json", "quiet", "debug")  # settings without an effect
NOT_REPEATED = ("overwrite", "as_json", "quiet", "debug", "version")


def say_done(arguments: Arguments, done: FileRepair) -> None:
    """Say what was done."""
    from spectramend.restoration.jobs import job_text

    source, output = arguments.source, arguments.output
    for job in done.jobs[:MAX_JOB_LINES]:
        say(f"{source}: {job_text(job)}")
    if len(done.jobs) > MAX_JOB_LINES:
        say(f"{source}: and {len(done.jobs) - MAX_JOB_LINES} more repairs.")
    for note in done.written.notes:
        say(f"{output}: {note}")
    if done.written.clipped:
        say(
            f"{output}: {done.written.clipped} repaired samples go over full scale and were "
            f"limited; --subtype FLOAT keeps them."
        )
    if arguments.report is not None:
        say(f"Look and listen: {(arguments.report / 'index.html').absolute()}")


def result_json(arguments: Arguments, done: FileRepair) -> dict[str, Any]:
    """Describe what was done, for --json."""
    from spectramend.reports.repair_report import job_json

    return {
        "output": str(arguments.output),
        "container": done.written.container,
        "subtype": done.written.subtype,
        "jobs": [job_json(job) for job in done.jobs],
        "clipped": done.written.clipped,
        "notes": list(done.written.notes),
        "seed": arguments.seed,
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
    words = ["spectramend", "repair"]
    for option in context.command.params:
        value = given.get(str(option.name))
        if not isinstance(option, click.Option) or option.name in NOT_REPEATED:
            continue
        if value in (None, ()) or (value == option.default and option.name != "seed"):
            continue
        flag = option.opts[-1]
        if option.is_flag:
            words += [flag] if value else []
        else:
            for item in value if isinstance(value, tuple) else (value,):
                words += [flag, str(item)]
    return shlex.join([*words, str(given["source"])])
