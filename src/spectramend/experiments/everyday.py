"""Everyday damage over recordings: whether a repair is worse than leaving or muting it.

Damage of twelve kinds, each at two to four levels, is made by the program and laid over an excerpt
of every recording. The conditions are no processing, what needs no model, the usual filter for the
damage, and our default: once told the regions as a user marks them, once with those it detects.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectramend.core.regions import Region
from spectramend.detection import detect
from spectramend.errors import ParameterError, SpectramendError
from spectramend.experiments import occlusion
from spectramend.experiments._common import simple_repairs as simple
from spectramend.experiments._common.conditions import Method, timed
from spectramend.experiments._common.events import Damage, loudest_part
from spectramend.experiments._common.everyday_damage import KINDS, lay
from spectramend.experiments._common.everyday_scenes import MATCH_S, EverydayScene, hits
from spectramend.experiments._common.recordings import Recording, load_speech_and_music
from spectramend.experiments._common.results import Layout, Progress, Result, Row, mean_rows
from spectramend.reports.results_table import Column
from spectramend.restoration.recording import repair

CONDITIONS = {
    "untouched": "No processing.",
    "muted": "The samples or cells are zero; of hum, the spectrum within 5 Hz of each harmonic.",
    "interpolated": "Lines across samples; across a box magnitudes, as in `occlusion`.",
    "simple": "The best bank of notches, a median over clicks, lines across dropouts, and the "
    "Wiener gains of `occlusion`.",
    "spectramend": "Our default, told the regions.",
    "spectramend_detected": "Our default, with the regions that it detects.",
}
MEASURES = ("snr_db", "outside_db", "pesq_wb", "seconds")
EXCERPT_S = 4.0  # seconds, longest excerpt; engineering choice: a run stays below half an hour
TOLERANCE_DB = 0.1  # dB below another condition that count as worse; engineering choice: inaudible
# Labels of the regions that count as found.
FOUND = ("dropout", "click")
LAYOUT = Layout(
    (
        Column("group", "Damage"),
        Column("condition", "Condition"),
        Column("untouched_db", "Untouched (dB)"),
        Column("muted_db", "Muted (dB)"),
        Column("best_other", "Best other"),
        Column("snr_db", "SNR (dB)"),
        Column("margin_db", "Margin (dB)"),
        Column("worse", "Worse (share)"),
        Column("outside_db", "Outside (dB)"),
        Column("pesq_wb", "PESQ-wb"),
        Column("f1", "F1"),
        Column("found", "Found"),
        Column("seconds", "Time (s)"),
    ),
    conditions=("spectramend", "spectramend_detected"),
)


def load(folder: Path) -> list[Recording]:
    """Read excerpts of the first recording of 3 s in each folder of ``speech``, and of ``music``.

    Music of up to 1.9 s is left out; an excerpt is the loudest 4 s. Raises FileError if a folder is
    absent or nothing is in them, AudioError if a recording cannot be used.
    """
    return [
        Recording(r.name, loudest_part(r.samples, round(EXCERPT_S * r.sr)), r.sr, r.kind)
        for r in load_speech_and_music(folder)
    ]


def checked_kinds(kinds: Sequence[str] | None) -> list[str]:
    """Check the names of kinds, all of them if None; raise ParameterError if one is unknown."""
    for kind in kinds or ():
        if kind not in KINDS:
            raise ParameterError(f"kinds: {kind!r} is unknown: choose from {', '.join(KINDS)}.")
    return list(KINDS if kinds is None else dict.fromkeys(kinds))


def run(
    recordings: Sequence[Recording],
    *,
    kinds: Sequence[str] | None = None,
    seed: int = 0,
    progress: Progress = lambda name, done, total: None,
) -> Result:
    """Run every condition on every recording with damage of every kind and level.

    The draws of a scene depend on the seed, recording and kind alone. Raises ParameterError if a
    kind is unknown.
    """
    kinds = checked_kinds(kinds)
    scenes = [
        (number, recording, kind, level)
        for kind in kinds
        for level in KINDS[kind].levels
        for number, recording in enumerate(recordings)
    ]
    items: list[Row] = []
    for done, (number, recording, kind, level) in enumerate(scenes):
        progress(f"{kind}, {level}: {recording.name}", done, len(scenes))
        draws = np.random.default_rng([seed, number, list(KINDS).index(kind)])
        scene = lay(recording, kind, level, draws)
        about = {"group": recording.kind, "kind": kind, "level": level, "recording": recording.name}
        items += [{"condition": i["condition"], **about, **i} for i in _items(scene, kind, seed)]
    progress("done", len(scenes), len(scenes))
    settings = {"seed": seed, "kinds": kinds, "recordings": len(recordings)}
    return Result("everyday", settings, tuple(_rows(items)), tuple(items), LAYOUT)


def _items(scene: EverydayScene, kind: str, seed: int) -> list[Row]:
    """Run and measure every condition of a scene."""
    items = []
    for name, method in methods(scene, seed).items():
        y, seconds = timed(method)
        items.append(_item(name, scene, y, seconds))
    found: list[Region] = []
    y, seconds = timed(lambda: _repaired(scene, seed, found))
    item = {**_item("spectramend_detected", scene, y, seconds), "found": len(found)}
    if scene.spans:
        sr, edges = scene.recording.sr, kind.startswith("dropout")
        regions = [region for region in found if region.label in FOUND]
        spans = [region.samples(length=scene.mix.size, sr=sr) for region in regions]
        item["found"], item["damaged"] = len(spans), len(scene.spans)
        item["hits"] = hits(scene.spans, spans, round(MATCH_S * sr), edges=edges)
    items.append(item)
    easy = [i["snr_db"] for i in items if i["condition"] in ("untouched", "muted")]
    for item in items:
        if item["condition"] in LAYOUT.conditions and item["snr_db"] is not None:
            item["worse"] = float(item["snr_db"] < max(easy) - TOLERANCE_DB)
    return items


def _item(name: str, scene: EverydayScene, y: NDArray[Any], seconds: float) -> Row:
    """Measure the output of a condition; what is not measured of it is None."""
    unknown = dict.fromkeys(("worse", "found", "damaged", "hits"))
    return {"condition": name, **scene.measures(y), "seconds": round(seconds, 3), **unknown}


def _repaired(scene: EverydayScene, seed: int, found: list[Region]) -> NDArray[Any]:
    """Repair what is detected of a scene, and put its regions into `found` [shape=(n,)]."""
    found += detect(scene.mix, scene.recording.sr)
    return _told(scene, found, seed) if found else scene.mix


def _told(scene: EverydayScene, regions: Sequence[Region], seed: int) -> NDArray[Any]:
    """Repair regions of a scene by default; what is refused stays as it is [shape=(n,)]."""
    try:
        return np.asarray(repair(scene.mix, scene.recording.sr, regions, rng=seed).samples)
    except SpectramendError:
        return scene.mix


def methods(scene: EverydayScene, seed: int) -> dict[str, Method]:
    """Give the methods that are told the regions, by the names of `CONDITIONS`.

    What a scene does not have is left out: no time is beside damage of the whole recording, and no
    filter is usual for an emptied band.
    """
    x, sr, spans, box = scene.mix, scene.recording.sr, scene.spans, scene.box
    found: dict[str, Method] = {"untouched": lambda: x}
    if spans:
        clicked = scene.regions[0].label == "click"
        filtered = simple.median_filtered if clicked else simple.interpolated_linearly
        found["muted"] = partial(simple.muted, x, spans)
        found["interpolated"] = partial(simple.interpolated_linearly, x, spans)
        found["simple"] = partial(filtered, x, spans)
    elif scene.tones_hz:
        found["muted"] = partial(simple.without_bands, x, scene.tones_hz, sr)
        found["simple"] = partial(simple.best_notches, scene)
    elif box is not None:
        stft, cells = box.stft, box.box.cells
        X = stft.forward(x)

        def scaled(gain: Callable[[], Any]) -> NDArray[Any]:
            Y = X.copy()
            Y[cells] *= gain()
            return stft.inverse(Y, length=x.size)

        emptied = box.event == "emptied"
        damage: Damage = "missing" if emptied else "occluded"
        found["muted"] = partial(scaled, lambda: 0.0)
        found["interpolated"] = partial(occlusion.interpolated, box, X, damage)
        if not emptied:
            found["simple"] = partial(scaled, lambda: occlusion.wiener_gain(X, box)[:, None])
    if scene.regions:
        found["spectramend"] = partial(_told, scene, scene.regions, seed)
    return found


def _rows(items: Sequence[Row]) -> list[Row]:
    """Average the items of each kind and level, of each kind, and of all."""
    levels = dict.fromkeys((item["kind"], item["level"]) for item in items)
    kinds = dict.fromkeys(kind for kind, _ in levels)
    rows: list[Row] = []
    for kind, level in levels:
        own = [i for i in items if (i["kind"], i["level"]) == (kind, level)]
        rows += _group_rows(own, f"{kind} {level}")
    for kind in kinds:
        rows += _group_rows([i for i in items if i["kind"] == kind], kind)
    return rows + _group_rows([i for i in items if i["kind"] != "undamaged"], "all")


def _group_rows(items: Sequence[Row], group: str) -> list[Row]:
    """Average the items of a group, and compare our conditions with the others.

    ``margin_db`` is the mean SNR less that of the best other condition, ``worse`` the share of
    scenes more than 0.1 dB below untouched or muted, and ``f1`` that of summed counts.
    """
    rows = mean_rows(items, MEASURES, group)
    snr = {row["condition"]: row["snr_db"] for row in rows}
    others = {k: v for k, v in snr.items() if k not in LAYOUT.conditions and v is not None}
    best = max(others, key=lambda name: others[name], default=None)
    for row in rows:
        own = [item for item in items if item["condition"] == row["condition"]]
        ours = row["condition"] in LAYOUT.conditions and best is not None
        worse = [item["worse"] for item in own if item["worse"] is not None]
        found, damaged, hit = (
            sum(item[key] for item in own if item[key] is not None)
            for key in ("found", "damaged", "hits")
        )
        counted = any(item["damaged"] is not None for item in own)
        row["untouched_db"], row["muted_db"] = snr.get("untouched"), snr.get("muted")
        row["best_other"] = best
        row["margin_db"] = row["snr_db"] - others[best] if ours and best else None
        row["worse"] = float(np.mean(worse)) if worse else None
        row["f1"] = 2 * hit / max(1, found + damaged) if counted else None
        row["found"] = found if any(item["found"] is not None for item in own) else None
        row["scenes"] = len(own)
    return rows
