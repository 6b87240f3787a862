"""A repair in Jupyter: players and spectrograms of a sound before and after, regions drawn."""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectramend.display.html_audio import (
    checked_sound,
    duration_text,
    loudest_db,
    player_html,
    spectrogram_image,
)
from spectramend.display.spectrograms import DYNAMIC_RANGE_DB, Extent

# Seconds that are shown at most. Engineering choice: the notebook holds all samples, as text.
SHOWN_S = 60.0
BEFORE_FIRST_S = 2.0  # s, context before the first region of a longer sound; engineering choice
MAX_FACTS = 12  # facts that are listed; engineering choice: a screen of them


def before_after_html(
    before: ArrayLike,
    after: ArrayLike,
    sr: float,
    *,
    boxes: Sequence[Extent] = (),
    facts: Sequence[str] = (),
) -> str:
    """Show a sound before and after at `sr` Hz: facts, players, spectrograms with boxes.

    Both sounds have one colour scale; `boxes` are first and last second, lowest and highest Hz. Of
    more than a minute, the minute around the first box is shown.
    """
    sounds = {"Before": checked_sound(before, sr), "After": checked_sound(after, sr)}
    length = sounds["Before"].shape[-1]
    first, last = _shown(length, sr, boxes)
    vmax_db = max(loudest_db(x[:, first:last], sr) for x in sounds.values())
    parts = [_list(facts)]
    if last - first < length:
        parts.append(
            f"<p>Shown: {duration_text(first / sr)} to {duration_text(last / sr)} of "
            f"{duration_text(length / sr)}.</p>"
        )
    for title, x in sounds.items():
        excerpt: NDArray[np.float64] = x[:, first:last]
        parts.append(player_html(excerpt, sr, title=title))
        parts.append(
            spectrogram_image(
                excerpt,
                sr,
                title=f"{title}, with the repaired regions" if boxes else title,
                vmin_db=vmax_db - DYNAMIC_RANGE_DB,
                vmax_db=vmax_db,
                start_s=first / sr,
                boxes=boxes,
            )
        )
    return "".join(parts)


def _shown(length: int, sr: float, boxes: Sequence[Extent]) -> tuple[int, int]:
    """Choose the first sample that is shown, and the one after the last."""
    most = round(SHOWN_S * sr)
    start_s = min((box[0] for box in boxes), default=0.0) - BEFORE_FIRST_S
    first = max(0, min(round(start_s * sr), length - most))
    return first, min(length, first + most)


def _list(facts: Sequence[str]) -> str:
    """Write the first facts as a list, and how many more there are."""
    shown = [*facts[:MAX_FACTS]]
    if len(facts) > MAX_FACTS:
        shown.append(f"and {len(facts) - MAX_FACTS} more.")
    lines = "".join(f"<li>{html.escape(fact)}</li>" for fact in shown)
    return f"<ul>{lines}</ul>" if lines else ""
