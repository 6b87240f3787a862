"""Commands of the experiments on samples that are known to an interval: clipped, or quantized."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from spectramend.cli.base import PATH, command, json_option, overwrite_option, progress
from spectramend.cli.experiments import experiment_group, print_result, whole_numbers

if TYPE_CHECKING:
    from spectramend.experiments._common.results import Result

F = TypeVar("F", bound=Callable[..., None])


def _bounded_options(levels: Callable[[F], F]) -> Callable[[F], F]:
    """Add the options of the experiments on samples that are known to an interval."""
    options = (
        click.option(
            "--data", type=PATH, required=True, help="Folder of recordings, or of speech and music."
        ),
        levels,
        click.option("--seconds", type=float, help="Only so much of the middle. [default: all]"),
        click.option("--methods", help="Which methods, such as a_spade. [default: all]"),
        click.option("-o", "--output", type=PATH, help="Folder for the tables."),
        overwrite_option,
        json_option,
    )

    def add(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return add


@command(experiment_group, "declipping")
@_bounded_options(
    click.option(
        "--input-sdr",
        callback=whole_numbers,
        help="SDR in dB, such as 3,7. [default: 1,3,5,7,10,15,20]",
    )
)
def experiment_declipping(
    data: Path,
    input_sdr: list[int] | None,
    seconds: float | None,
    methods: str | None,
    output: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Clip every recording at several levels and restore it.

    Where the recordings are those of the survey of 2021, its results stand beside ours. Most of the
    time goes into social_sparsity; --methods can leave it out.
    """
    from spectramend.experiments import declipping

    def run(**options: Any) -> Result:
        levels = input_sdr or declipping.INPUT_SDR_DB
        return declipping.run(declipping.load(data), input_sdr_db=levels, **options)

    _run_bounded(run, seconds, methods, output, overwrite, as_json)


@command(experiment_group, "dequantization")
@_bounded_options(
    click.option("--bits", callback=whole_numbers, help="Bits, such as 6,8. [default: 6,7,8]")
)
def experiment_dequantization(
    data: Path,
    bits: list[int] | None,
    seconds: float | None,
    methods: str | None,
    output: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Quantize every recording to a few bits and restore it.

    Where the recordings are those of published results, these stand beside ours.
    """
    from spectramend.experiments import dequantization

    def run(**options: Any) -> Result:
        recordings = dequantization.load(data)
        return dequantization.run(recordings, bits=bits or dequantization.BITS, **options)

    _run_bounded(run, seconds, methods, output, overwrite, as_json)


def _run_bounded(
    run: Callable[..., Result],
    seconds: float | None,
    methods: str | None,
    output: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Run an experiment on samples that are known to an interval, and print its tables."""
    from spectramend.core.files import check_folder

    if output is not None:
        check_folder(output, overwrite=overwrite)
    names = None if methods is None else methods.split(",")
    with progress() as show:
        result = run(seconds=seconds, methods=names, progress=show)
    print_result(result, output, overwrite, as_json)
