"""What the 2015 experiment writes: table, sounds, the notebook's figures, and a listening page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from spectramend import audio
from spectramend.experiments.output import COLUMNS, outcome_panels, write_figure, write_metrics
from spectramend.experiments.thiemann2015 import CONDITIONS, Result
from spectramend.metrics import missing_metrics
from spectramend.report import Panel, Picture, Sound, listening_page

# The target and a method that is told the true magnitudes compete with nobody.
REFERENCES = ("target", "ceiling_magnitude")


def as_json(result: Result) -> dict[str, Any]:
    """Put a result into the form that ``--json`` prints.

    Parameters
    ----------
    result : Result
        The experiment.

    Returns
    -------
    dict
        ``experiment, mask, rows``.
    """
    return {"experiment": "thiemann2015", "mask": result.mask, "rows": result.rows}


def write(folder: Path, result: Result, *, title: str, commands: list[str]) -> None:
    """Fill a folder with everything there is to see and hear.

    Parameters
    ----------
    folder : Path
        An empty folder.
    result : Result
        The experiment.
    title : str
        Heading of the page.
    commands : list of str
        Commands that make it again.
    """
    write_metrics(folder, as_json(result), COLUMNS, result.rows)
    scene = result.scene
    audio.write(folder / "interferer.wav", scene.interferer, scene.sr)
    sounds = _sounds(result)
    for sound in sounds:
        audio.write(folder / sound.file, sound.samples, scene.sr)
    page = listening_page(
        title=title,
        lead="A voice is covered by another one, twice as loud as recorded. A mask keeps the cells "
        "of the spectrum in which the first voice wins; each condition makes of them what it can. "
        "Metrics are taken against the clean target.",
        sounds=sounds,
        rows=[{"name": row["condition"], **row} for row in result.rows],
        columns=COLUMNS,
        figures=_figures(folder, result),
        commands=commands,
        notes=missing_metrics(),
    )
    (folder / "index.html").write_text(page, "utf-8")


def _sounds(result: Result) -> list[Sound]:
    """Sounds of the page: the target, then every condition."""
    sr = result.scene.sr
    heard = [("target", "The clean target voice.", result.scene.target)]
    heard += [(c.name, CONDITIONS[c.name], c.samples) for c in result.conditions]
    return [
        Sound(name, name, text, samples, sr, f"{name}.wav", reference=name in REFERENCES)
        for name, text, samples in heard
    ]


def _figures(folder: Path, result: Result) -> list[Picture]:
    """Draw the notebook's three figures, and one of what we do."""
    cells, sr = result.notebook, result.scene.sr
    target = Panel("Target", np.abs(cells.T) ** 2, sr, cells.stft)
    training = [
        Panel("Training speech", result.training**2, sr, cells.stft),
        Panel("Model of it, W @ H", result.training_model.astype(float) ** 2, sr, cells.stft),
    ]
    figures = {
        "mix_target_mask": (
            [
                Panel("Mix", np.abs(cells.X) ** 2, sr, cells.stft),
                target,
                Panel("Ideal binary mask", cells.mask.observed, sr, cells.stft),
            ],
            "Mix, target, and the mask that tells which cells are reliable.",
        ),
        "training_model": (
            training,
            "Training speech without its quiet frames, and the dictionary's model of it.",
        ),
        "target_inpainted": (
            [
                target,
                Panel(
                    "Inpainted as in 2015, W @ H",
                    result.inpainted.astype(float) ** 2,
                    sr,
                    cells.stft,
                ),
            ],
            "What it should be, and what the notebook published: the model follows the mix.",
        ),
        "spectramend": (
            outcome_panels(result.conditions[-1], sr),
            "Mix, mask, what our default makes of them, and the target.",
        ),
    }
    return [
        write_figure(folder, f"{name}.png", panels, caption)
        for name, (panels, caption) in figures.items()
    ]
