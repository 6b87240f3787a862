"""What the experiment on occlusion writes: tables, and a figure of every event."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from spectramend.experiments.occlusion import Kind, Result, Scene, Sound, lay, methods
from spectramend.experiments.output import write_figure, write_metrics
from spectramend.report import Column, Panel

KINDS: tuple[Kind | None, ...] = (None, "speech", "music")
COLUMNS = (
    Column("condition", "Condition"),
    Column("snr_db", "SNR (dB)", "higher"),
    Column("lsd_db", "LSD (dB)", "lower"),
    Column("residual_db", "Event left (dB)", "lower"),
    Column("pesq_wb", "PESQ-wb", "higher"),
    Column("seconds", "Time (s)"),
)


def as_json(result: Result) -> dict[str, Any]:
    """Put a result into the form that ``--json`` prints.

    Parameters
    ----------
    result : Result
        The experiment.

    Returns
    -------
    dict
        ``experiment, damage, all, speech, music, scenes``; the middle three are rows of means.
    """
    return {
        "experiment": "occlusion",
        "damage": result.damage,
        **{kind or "all": result.rows(kind) for kind in KINDS},
        "scenes": list(result.scenes),
    }


def write(
    folder: Path, result: Result, recordings: list[Sound], events: list[Sound], seed: int
) -> None:
    """Fill a folder with the tables and the figures.

    Parameters
    ----------
    folder : Path
        An empty folder.
    result : Result
        The experiment.
    recordings : list of Sound
        Its recordings.
    events : list of Sound
        Its events, each of which is drawn over one recording, in turn.
    seed : int
        Its seed.
    """
    rows = [{"kind": kind or "all", **row} for kind in KINDS for row in result.rows(kind)]
    write_metrics(folder, as_json(result), (Column("kind", "Recordings"), *COLUMNS), rows)
    for i, event in enumerate(events):
        scene = lay(recordings[i % len(recordings)], event, damage=result.damage)
        caption = f"{scene.recording.name} under {event.name}: damaged, repaired, and as it was."
        name = f"{scene.recording.name}_under_{event.name}.png"
        write_figure(folder, name, _panels(scene, result, seed), caption)


def _panels(scene: Scene, result: Result, seed: int) -> list[Panel]:
    """Show what our default makes of a scene."""
    sr, stft = scene.recording.sr, scene.stft
    repaired = methods(scene, result.damage, seed)["spectramend"]()
    first, last = scene.region.samples(length=scene.mix.size, sr=sr)
    box = (first / sr, last / sr, *scene.region.band(sr=sr))
    sounds = {
        "Damaged": scene.mix,
        "Repaired by default": repaired,
        "The recording": scene.recording.samples,
    }
    return [
        Panel(title, np.abs(stft.forward(x)) ** 2, sr, stft, boxes=(box,))
        for title, x in sounds.items()
    ]
