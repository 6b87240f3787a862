"""A web page that plays sounds side by side, with a table and figures.

Listeners prefer what is louder. The page therefore attenuates every sound to the loudness (ITU-R
BS.1770) of the quietest, without touching the files; a switch on it plays them as they are.
"""

from __future__ import annotations

import html
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import PurePosixPath, PureWindowsPath
from string import Template
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from spectramend.display.html_audio import checked_sound, peak_dbfs, peak_text
from spectramend.display.tables import DASH, number_text
from spectramend.errors import ParameterError
from spectramend.reports.loudness import equal_loudness_gains, loudness_db
from spectramend.reports.results_table import Table

DIGITS = "123456789"  # keys that select the first sounds
SHOWN_DB = 0.1  # dB, least difference of loudness that is mentioned: the last decimal shown


@dataclass(frozen=True, eq=False)
class Sound:
    """One sound of a listening page."""

    name: str  # such as "ibm_only"; rows of the table refer to it under the key "name"
    title: str
    description: str  # a sentence
    samples: NDArray[Any]  # [shape=(n,) or (channels, n), float] as in the file, full scale at ±1
    sr: float  # Hz
    file: str  # WAV file, relative to the page, with / between folders
    reference: bool = False  # made by no method (a clean original, a ceiling): is never the best

    def __post_init__(self) -> None:
        checked_sound(self.samples, self.sr)
        _relative_url(self.file)

    @property
    def duration_s(self) -> float:
        """Duration in seconds."""
        return float(np.shape(self.samples)[-1] / self.sr)


@dataclass(frozen=True)
class Picture:
    """One figure of a listening page."""

    file: str  # image, relative to the page
    alt: str  # a sentence for those who do not see it
    caption: str = ""
    view: Mapping[str, Any] | None = None  # as of `repair_views.write_view`, for a zoomable picture

    def __post_init__(self) -> None:
        _relative_url(self.file)


@dataclass(frozen=True)
class _Playback:
    """How loud a sound is, and how it is played."""

    loudness_db: float  # LUFS
    limit_db: float  # gain without equal loudness: 0, or less where the sound would clip
    gain_db: float  # gain with equal loudness
    below_db: float  # how far it then is below the loudest


def listening_page(
    *,
    title: str,
    lead: str,
    sounds: Sequence[Sound],
    table: Table | None = None,
    figures: Sequence[Picture] = (),
    commands: Sequence[str] = (),
    notes: Sequence[str] = (),
    equal_loudness: bool = True,
) -> str:
    """Compose a web page that plays sounds side by side, with their table and figures.

    `lead` is a short paragraph, `commands` are shell commands that make the page again, `notes`
    remarks, and `equal_loudness` is the initial state of the switch. The page needs the files of
    `sounds` and `figures` beside it, and nothing else.

    >>> mix = Sound("mix", "Mix", "Both voices.", np.zeros(800), 8000, "mix.wav")
    >>> "<title>Demo</title>" in listening_page(title="Demo", lead="Two voices.", sounds=[mix])
    True
    """
    if not sounds:
        raise ParameterError("sounds is empty: give at least one.")
    conditions = enumerate(zip(sounds, _playback(sounds), strict=True), start=1)
    references = {sound.name for sound in sounds if sound.reference}
    heading = (table and table.heading) or "Measurements"
    template = resources.files("spectramend.reports").joinpath("templates", "listening.html")
    return Template(template.read_text(encoding="utf-8")).substitute(
        title=html.escape(title),
        lead=html.escape(lead),
        duration=f"{max(sound.duration_s for sound in sounds):.3f}",
        equal="checked" if equal_loudness else "",
        keys=f"1{DASH}{min(len(sounds), len(DIGITS))} switch, " if len(sounds) > 1 else "",
        conditions="\n".join(_condition(i, *item) for i, item in conditions),
        table=_section(html.escape(heading), table.html(references) if table else ""),
        figures=_section("Figures", "\n".join(_figure(figure) for figure in figures)),
        commands=_section("Commands", _command_block(commands)),
        notes=_section("Notes", "\n".join(f"<p>{html.escape(note)}</p>" for note in notes)),
        script=_view_script(figures),
    )


def _playback(sounds: Sequence[Sound]) -> list[_Playback]:
    """Measure sounds and choose their gains; no gain lets a peak over full scale clip."""
    levels = [loudness_db(sound.samples, sound.sr) for sound in sounds]
    limits = [-max(0.0, peak_dbfs(np.asarray(sound.samples))) for sound in sounds]
    limited = [level + limit for level, limit in zip(levels, limits, strict=True)]
    gains = [
        limit + gain for limit, gain in zip(limits, equal_loudness_gains(limited), strict=True)
    ]
    loudest = max(level + gain for level, gain in zip(levels, gains, strict=True))
    return [
        _Playback(level, limit, gain, loudest - level - gain)
        for level, limit, gain in zip(levels, limits, gains, strict=True)
    ]


def _relative_url(file: str) -> str:
    """Make a link of a relative file name."""
    if not file or PurePosixPath(file).is_absolute() or PureWindowsPath(file).anchor:
        raise ParameterError(f"file={file!r}: give a name relative to the page.")
    return quote(file)


def _condition(number: int, sound: Sound, playback: _Playback) -> str:
    """Compose the line of one sound: its button, description, levels and player."""
    title, about = html.escape(sound.title), f"about-{number}"
    shortcut = f' aria-keyshortcuts="{number}"' if number <= len(DIGITS) else ""
    key = f"<kbd>{number}</kbd> " if number <= len(DIGITS) else ""
    url = html.escape(_relative_url(sound.file))
    facts = [_gain_span(playback)]
    if playback.loudness_db > -math.inf:
        facts.append(f"{number_text(playback.loudness_db, 1)} LUFS")
        facts.append(peak_text(np.asarray(sound.samples)))
    facts.append(f'<a href="{url}">{html.escape(sound.file)}</a>')
    return (
        f'<li><button type="button" class="condition" aria-pressed="false" '
        f'aria-describedby="{about}"{shortcut}>{key}<span>{title}</span></button>\n'
        f'<div class="about"><p id="{about}">{html.escape(sound.description)}</p>\n'
        f'<p class="facts">{" · ".join(facts)}</p></div>\n'
        f'<audio controls preload="auto" src="{url}" aria-label="{title}" '
        f'data-name="{html.escape(sound.name)}" '
        f'data-volume="{10 ** (playback.gain_db / 20):.6f}" '
        f'data-plain-volume="{10 ** (playback.limit_db / 20):.6f}"></audio></li>'
    )


def _gain_span(playback: _Playback) -> str:
    """Describe how loud a sound is played, with and without equal loudness."""
    if playback.loudness_db == -math.inf:
        return "<strong>silent</strong>"
    equal = f"gain {number_text(playback.gain_db, 1)} dB"
    if playback.below_db > SHOWN_DB:
        equal += f", still {number_text(playback.below_db, 1)} dB quieter"
    plain = f"gain {number_text(playback.limit_db, 1)} dB"
    if playback.limit_db < 0:
        plain += ", or it would clip"
    return f'<span class="gain" data-equal="{equal}" data-plain="{plain}">{plain}</span>'


def _figure(picture: Picture) -> str:
    """Compose a figure that opens at full size."""
    url = html.escape(_relative_url(picture.file))
    caption = f"<figcaption>{html.escape(picture.caption)}</figcaption>" if picture.caption else ""
    image = f'<img src="{url}" alt="{html.escape(picture.alt)}" loading="lazy">'
    view = ""
    if picture.view is not None:
        view = f' data-view="{html.escape(json.dumps(picture.view))}"'
    return f'<figure{view}><a href="{url}">{image}</a>{caption}</figure>'


def _view_script(figures: Sequence[Picture]) -> str:
    """Give the script that draws zoomable pictures; nothing where there are none."""
    if all(figure.view is None for figure in figures):
        return ""
    script = resources.files("spectramend.reports").joinpath("templates", "views.js")
    return f"<script>\n{script.read_text(encoding='utf-8')}</script>"


def _command_block(commands: Sequence[str]) -> str:
    """Compose the commands; nothing where there are none."""
    if not commands:
        return ""
    code = html.escape("\n".join(commands))
    return (
        "<p>They do the same again; existing files are replaced only with --overwrite.</p>\n"
        f'<pre class="scroll" tabindex="0"><code>{code}</code></pre>'
    )


def _section(heading: str, content: str) -> str:
    """Compose a section; nothing where it would be empty."""
    return f"<section>\n<h2>{heading}</h2>\n{content}\n</section>" if content else ""
