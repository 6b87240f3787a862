"""Ablation of the inpainting of speech: ``python benchmarks/ablation.py DIR``.

DIR holds a folder of recordings for each voice, as for ``spectramend experiment voices``. Prints a
Markdown table of our default without one part at a time: means over the pairs above the bare mask,
the least gain of any pair in PESQ, and seconds. The row of other utterances checks that the
constants do not depend on the pairs on which they were chosen: it has the second recording of each
voice, under that of the voice after the next.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from spectramend.experiments import voices
from spectramend.experiments.voices import Voice
from spectramend.inpainting import resynthesis as synthesis
from spectramend.inpainting import variance_model as model

MEASURES = ("si_sdr_db", "estoi", "pesq_wb")
# Name of a row: module, name and value of the constants that leave the part out.
PARTS: dict[str, list[tuple[Any, str, Any]]] = {
    "all parts": [],
    "one dictionary": [(voices, "N_DICTIONARIES", 1)],
    "free fit alone": [
        (model, "GUIDANCE", 0.0),
        (model, "MODEL_WEIGHTS", (1.0, 0.0, 0.0)),
    ],
    "no guided fit": [(model, "MODEL_WEIGHTS", (0.75, 0.0, 0.25))],
    "no smooth correction": [(model, "CORRECTION_ROUNDS", 0)],
    "no weights of frames": [(model, "HALF_WEIGHT", 1e-12)],
    "no lowered valleys": [(synthesis, "VALLEY_EXPONENT", 0.0)],
    "no background": [(synthesis, "BACKGROUND_SHARE", 0.0)],
    "hidden phase uncorrected": [(synthesis, "HIDDEN_QUADRATURE_GAIN", 1.0)],
    "reliable cells half corrected": [(synthesis, "MAX_CORRECTION", 0.25)],
    "magnitude of the model alone": [(synthesis, "MODEL_MAGNITUDE_WEIGHT", 1.0)],
    "magnitude of the consistent signal alone": [(synthesis, "MODEL_MAGNITUDE_WEIGHT", 0.0)],
}


@contextmanager
def without(part: str) -> Iterator[None]:
    """Leave a part out within the context."""
    before = [(module, name, getattr(module, name)) for module, name, _ in PARTS[part]]
    for module, name, value in PARTS[part]:
        setattr(module, name, value)
    try:
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)


def gains(speakers: list[Voice], **options: Any) -> str:
    """Run the pairs; give the cells of a row, means above the bare mask."""
    items = voices.run(speakers, conditions=("ibm_only", "spectramend"), **options).items
    pairs = list(zip(items[::2], items[1::2], strict=True))
    above = np.array([[ours[key] - bare[key] for key in MEASURES] for bare, ours in pairs])
    seconds = np.mean([ours["seconds"] for _, ours in pairs])
    si_sdr, estoi, pesq = above.mean(axis=0)
    return f"{si_sdr:+.2f} | {estoi:+.4f} | {pesq:+.3f} | {above[:, 2].min():+.2f} | {seconds:.1f}"


def other_utterances(speakers: list[Voice]) -> list[Voice]:
    """Mix the second recording of each voice, under that of the voice after the next."""
    moved = [
        replace(voice, utterance=voice.training[0], training=voice.training[1:])
        for voice in speakers
    ]
    return moved[::2] + moved[1::2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    speakers = voices.load(parser.parse_args().data)
    voices.MASK_DICTIONARIES = ()  # no mask is estimated here
    print("| | SI-SDR dB | ESTOI | PESQ | least PESQ | seconds |")
    print("|---|---:|---:|---:|---:|---:|")
    for part in PARTS:
        with without(part):
            print(f"| {part} | {gains(speakers)} |", flush=True)
    print(f"| reliable cells kept | {gains(speakers, keep_reliable=True)} |")
    print(f"| other utterances | {gains(other_utterances(speakers))} |")
    wrong = [
        replace(voice, training=other.training)
        for voice, other in zip(speakers, speakers[3:] + speakers[:3], strict=True)
    ]
    print(f"| dictionary of a wrong voice | {gains(wrong)} |")


if __name__ == "__main__":
    main()
