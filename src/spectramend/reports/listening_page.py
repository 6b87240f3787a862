"""Reports for eye and ear: spectrogram figures, and a page that plays results side by side.

Listeners prefer what is louder. The page therefore turns every sound down to the loudness (ITU-R
BS.1770) of the quietest, without touching the files, and can be told not to.
"""

from __future__ import annotations

import html
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import PurePosixPath, PureWindowsPath
from string import Template
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from urllib.parse import quote

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectramend.core.stft import STFT
from spectramend.display import html_audio as display
from spectramend.display import spectrograms as figures
from spectramend.display import tables
from spectramend.errors import MismatchError, ParameterError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_ATTENUATION_DB = 20.0  # a sound still quieter than this is left behind, or all would be faint
LOUDNESS_BLOCK_S = 0.4  # of BS.1770
MIN_WEIGHTED_SR = 8000  # Hz; the weighting filter has a corner at 1.5 kHz, and fails near Nyquist
LOUDNESS_CHANNELS = 5  # that BS.1770 weights


@dataclass(frozen=True, eq=False)
class Panel:
    """One spectrogram or mask of a figure.

    Parameters
    ----------
    title : str
        What it shows.
    values : ndarray [shape=(F, N)]
        Power, or a boolean mask that is ``True`` where a cell is reliable.
    sr : float
        Sample rate in Hz.
    stft : STFT
        The transform that the cells belong to.
    start_s : float
        Where the transformed signal begins in the recording, in seconds.
    boxes : tuple of (float, float, float, float)
        Rectangles to draw: first and last second, lowest and highest Hz.

    Raises
    ------
    ParameterError
        If `values` are neither a mask nor power, or do not fit the transform.
    """

    title: str
    values: NDArray[Any]
    sr: float
    stft: STFT
    start_s: float = 0.0
    boxes: tuple[tuple[float, float, float, float], ...] = ()

    def __post_init__(self) -> None:
        values = np.asarray(self.values)
        if values.dtype != np.bool_:
            values = figures.checked_spectrogram(values)
        if values.ndim != 2 or values.shape[0] != self.stft.n_bins or values.shape[1] == 0:
            raise MismatchError(
                f"panel {self.title!r} has shape {values.shape}: n_fft={self.stft.n_fft} needs "
                f"({self.stft.n_bins}, frames)."
            )
        object.__setattr__(self, "values", values)

    @property
    def is_mask(self) -> bool:
        """Whether this is a mask."""
        return self.values.dtype == np.bool_

    @property
    def extent(self) -> figures.Extent:
        """First and last second, lowest and highest Hz."""
        first = self.start_s + float(self.stft.frame_times(1, self.sr)[0])
        hop_s, bin_hz = self.stft.hop_length / self.sr, self.sr / self.stft.n_fft
        return figures.cell_extent(self.values.shape, hop_s=hop_s, bin_hz=bin_hz, start_s=first)


@dataclass(frozen=True, eq=False)
class Sound:
    """One condition of a listening page.

    Parameters
    ----------
    name : str
        Short name, such as ``"ibm_only"``; the table's rows refer to it under the key ``"name"``.
    title : str
        Name to read.
    description : str
        One sentence on what is heard.
    samples : ndarray [shape=(n,) or (channels, n), float]
        The sound as it is in the file, full scale at ±1.
    sr : float
        Sample rate in Hz.
    file : str
        Its WAV file, relative to the page, with ``/`` between folders.
    reference : bool
        Whether no method made it (the clean original, a ceiling): it is never called the best.

    Raises
    ------
    ParameterError
        If the samples are not a sound, or the file is not given relative to the page.
    """

    name: str
    title: str
    description: str
    samples: NDArray[Any]
    sr: float
    file: str
    reference: bool = False

    def __post_init__(self) -> None:
        display.checked_sound(self.samples, self.sr)
        _relative_url(self.file)

    @property
    def duration_s(self) -> float:
        """Duration in seconds."""
        return float(np.shape(self.samples)[-1] / self.sr)


@dataclass(frozen=True)
class Picture:
    """One figure of a listening page.

    Parameters
    ----------
    file : str
        Its image file, relative to the page.
    alt : str
        What it shows, in a sentence for those who do not see it.
    caption : str
        The text below it.

    Raises
    ------
    ParameterError
        If the file is not given relative to the page.
    """

    file: str
    alt: str
    caption: str = ""

    def __post_init__(self) -> None:
        _relative_url(self.file)


class Column(NamedTuple):
    """A column of the page's table: its key in the rows, its heading, and which end is better."""

    key: str
    heading: str
    better: Literal["higher", "lower"] | None = None


def spectrogram_figure(
    panels: Sequence[Panel],
    *,
    title: str | None = None,
    dynamic_range_db: float = figures.DYNAMIC_RANGE_DB,
) -> Figure:
    """Draw spectrograms and masks one above the other, on one time axis and one scale.

    Parameters
    ----------
    panels : sequence of Panel
        What to draw, from the top.
    title : str, optional
        Title of the figure.
    dynamic_range_db : float, > 0
        Range of the colours. The loudest cell of all panels is 0 dB.

    Returns
    -------
    matplotlib.figure.Figure
        The figure, 1400 pixels wide; it belongs to no window. `figures.figure_png` renders it.

    Raises
    ------
    ParameterError
        If there are no panels or the range is not positive.

    Examples
    --------
    >>> stft = STFT(n_fft=64, hop_length=16)
    >>> V = abs(stft.forward(np.sin(np.arange(800)))) ** 2
    >>> panels = [Panel("Voice", V, 8000, stft), Panel("Mask", V > 1, 8000, stft)]
    >>> [ax.get_title(loc="left") for ax in spectrogram_figure(panels).axes[:2]]
    ['Voice', 'Mask']
    """
    from matplotlib.figure import Figure

    if not panels:
        raise ParameterError("panels is empty: give at least one.")
    loudest = max((float(p.values.max()) for p in panels if not p.is_mask), default=0.0)
    height = 0.45 + 1.75 * len(panels) + (0.35 if title else 0.0)
    figure = Figure(figsize=(1400 / 150, height), dpi=150, layout="constrained")
    grid = figure.subplots(len(panels), 1, sharex=True, squeeze=False)
    for ax, panel in zip(grid[:, 0], panels, strict=True):
        if panel.is_mask:
            figures.mask_bar(ax, figures.mask_panel(ax, panel.values, extent=panel.extent))
        else:
            image = figures.spectrogram_panel(
                ax,
                panel.values / (loudest or 1.0),
                extent=panel.extent,
                vmin_db=-dynamic_range_db,
                vmax_db=0.0,
            )
            figures.level_bar(ax, image)
        figures.draw_boxes(ax, panel.boxes)
        ax.set_title(panel.title, loc="left", fontsize=10, parse_math=False)
        ax.set_ylim(0, panel.sr / 2)
        ax.label_outer()
    ax.set_xlim(min(p.start_s for p in panels), max(p.extent[1] for p in panels))
    if title:
        figure.suptitle(title, fontsize=12, parse_math=False)
    return figure


def loudness_db(samples: ArrayLike, sr: float) -> float:
    """Measure the integrated loudness of a sound by ITU-R BS.1770.

    Parameters
    ----------
    samples : array_like [shape=(n,) or (channels, n), float]
        The sound, full scale at ±1.
    sr : float
        Sample rate in Hz.

    Returns
    -------
    float
        Loudness in LUFS, ``-inf`` for digital silence only.

    Raises
    ------
    ParameterError
        If the samples are not a sound on this scale, or the rate is not positive.

    Notes
    -----
    The recommendation does not say what to do in three cases. A sound shorter than its block of
    0.4 s is one block. One that lies wholly under its gate of -70 LUFS is measured as if it were
    louder. Of more than five channels each is measured alone, and their powers are added.

    Examples
    --------
    >>> t = np.arange(48000) / 48000
    >>> round(loudness_db(np.sin(2 * np.pi * 997 * t), sr=48000), 1)
    -3.0
    """
    channels = display.checked_sound(samples, sr)
    peak = float(np.abs(channels).max())
    if peak == 0:
        return -math.inf
    if len(channels) > LOUDNESS_CHANNELS:
        powers = [10 ** (loudness_db(channel, sr) / 10) for channel in channels]
        return 10 * math.log10(sum(powers)) if sum(powers) > 0 else -math.inf
    loudness = _gated_loudness(channels, sr)
    if loudness == -math.inf:
        loudness = _gated_loudness(channels / peak, sr) + 20 * math.log10(peak)
    return loudness


def equal_loudness_gains(
    levels_db: Sequence[float], *, max_attenuation_db: float = MAX_ATTENUATION_DB
) -> list[float]:
    """Find the gains that bring sounds down to the quietest of them.

    Parameters
    ----------
    levels_db : sequence of float
        Loudness of each sound in LUFS, ``-inf`` where it is silent.
    max_attenuation_db : float, >= 0
        A sound more than this below the loudest does not count as the quietest, and stays quieter.

    Returns
    -------
    list of float
        Gain of each sound in dB, at most 0.

    Raises
    ------
    ParameterError
        If the limit is negative.

    Examples
    --------
    >>> equal_loudness_gains([-20.0, -26.0, -23.0, -70.0, -float("inf")])
    [-6.0, 0.0, -3.0, 0.0, 0.0]
    """
    if not max_attenuation_db >= 0:
        raise ParameterError(f"max_attenuation_db={max_attenuation_db}: give 0 or more.")
    loudest = max(levels_db, default=-math.inf)
    if loudest == -math.inf:
        return [0.0] * len(levels_db)
    target = min(level for level in levels_db if level >= loudest - max_attenuation_db)
    return [min(0.0, target - level) if level > target else 0.0 for level in levels_db]


def listening_page(
    *,
    title: str,
    lead: str,
    sounds: Sequence[Sound],
    rows: Sequence[Mapping[str, object]] = (),
    columns: Sequence[Column | tuple[str, str]] = (),
    figures: Sequence[Picture] = (),
    commands: Sequence[str] = (),
    notes: Sequence[str] = (),
    table_heading: str = "Measurements",
    equal_loudness: bool = True,
) -> str:
    """Compose a web page that plays sounds side by side, with their table and figures.

    Parameters
    ----------
    title : str
        Heading.
    lead : str
        One short paragraph.
    sounds : sequence of Sound
        What is compared; the first nine have keys.
    rows : sequence of mapping
        The table; a row that belongs to a sound has its name under ``"name"``.
    columns : sequence of Column or (key, heading)
        Columns of the table. The best value is bold where a column says which end is better.
    figures : sequence of Picture
        Pictures below the table.
    commands : sequence of str
        Shell commands that make this page again, one a line.
    notes : sequence of str
        Remarks, such as why a column is empty.
    table_heading : str
        Heading of the table.
    equal_loudness : bool
        Whether sounds are played equally loud at first.

    Returns
    -------
    str
        The page. It needs the files of `sounds` and `figures` beside it, and nothing else.

    Raises
    ------
    ParameterError
        If there are no sounds.

    Examples
    --------
    >>> mix = Sound("mix", "Mix", "Both voices.", np.zeros(800), 8000, "mix.wav")
    >>> "<title>Demo</title>" in listening_page(title="Demo", lead="Two voices.", sounds=[mix])
    True
    """
    if not sounds:
        raise ParameterError("sounds is empty: give at least one.")
    levels = [loudness_db(sound.samples, sound.sr) for sound in sounds]
    # Played as it is, a peak over full scale would clip and might hurt.
    limits = [-max(0.0, display.peak_dbfs(np.asarray(sound.samples))) for sound in sounds]
    limited = [level + limit for level, limit in zip(levels, limits, strict=True)]
    gains = [
        limit + gain for limit, gain in zip(limits, equal_loudness_gains(limited), strict=True)
    ]
    heard = max(level + gain for level, gain in zip(levels, gains, strict=True))
    numbered = enumerate(zip(sounds, levels, gains, limits, strict=True), start=1)
    named = [Column(*column) for column in columns]
    references = {sound.name for sound in sounds if sound.reference}
    template = resources.files("spectramend.reports").joinpath("templates", "listening.html")
    return Template(template.read_text(encoding="utf-8")).substitute(
        title=html.escape(title),
        lead=html.escape(lead),
        duration=f"{max(sound.duration_s for sound in sounds):.3f}",
        equal="checked" if equal_loudness else "",
        keys=f"1{tables.DASH}{min(len(sounds), 9)} switch, " if len(sounds) > 1 else "",
        conditions="\n".join(_condition(i, *item, heard) for i, item in numbered),
        table=_section(html.escape(table_heading), _metrics_table(rows, named, references)),
        figures=_section("Figures", "\n".join(_figure(figure) for figure in figures)),
        commands=_section("How to make this page again", _command_block(commands)),
        notes=_section("Notes", "\n".join(f"<p>{html.escape(note)}</p>" for note in notes)),
    )


def _gated_loudness(channels: NDArray[np.float64], sr: float) -> float:
    """Measure up to five channels [shape=(channels, n)]; -inf below the gate."""
    n = channels.shape[-1]
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        import pyloudnorm

        if sr < MIN_WEIGHTED_SR:
            import soxr

            channels, sr = soxr.resample(channels.T, sr, 2 * MIN_WEIGHTED_SR).T, 2 * MIN_WEIGHTED_SR
            n = channels.shape[-1]
        block_s = LOUDNESS_BLOCK_S
        if n < block_s * sr:
            block_s = (n + 0.5) / sr  # half a sample more: truncating it gives n
            channels = np.pad(channels, ((0, 0), (0, 1)))
        # The other filters of pyloudnorm are 0.05 dB off the recommendation's test value.
        meter = pyloudnorm.Meter(sr, filter_class="DeMan", block_size=block_s)
        return float(meter.integrated_loudness(channels.T))


def _relative_url(file: str) -> str:
    """Make a link of a relative file name."""
    if not file or PurePosixPath(file).is_absolute() or PureWindowsPath(file).anchor:
        raise ParameterError(f"file={file!r}: give a name relative to the page.")
    return quote(file)


def _condition(
    number: int, sound: Sound, level: float, gain: float, limit: float, heard: float
) -> str:
    """Compose the line of one sound: its button, what it is, its levels and its player."""
    title, about = html.escape(sound.title), f"about-{number}"
    shortcut = f' aria-keyshortcuts="{number}"' if number <= 9 else ""
    key = f"<kbd>{number}</kbd> " if number <= 9 else ""
    url = html.escape(_relative_url(sound.file))
    facts = [_gain_span(level, gain, limit, heard)]
    if level > -math.inf:
        facts.append(f"{tables.number_text(level, 1)} LUFS")
        facts.append(display.peak_text(np.asarray(sound.samples)))
    facts.append(f'<a href="{url}">{html.escape(sound.file)}</a>')
    return (
        f'<li><button type="button" class="condition" aria-pressed="false" '
        f'aria-describedby="{about}"{shortcut}>{key}<span>{title}</span></button>\n'
        f'<div class="about"><p id="{about}">{html.escape(sound.description)}</p>\n'
        f'<p class="facts">{" · ".join(facts)}</p></div>\n'
        f'<audio controls preload="auto" src="{url}" aria-label="{title}" '
        f'data-volume="{10 ** (gain / 20):.6f}" '
        f'data-plain-volume="{10 ** (limit / 20):.6f}"></audio></li>'
    )


def _gain_span(level: float, gain: float, limit: float, heard: float) -> str:
    """Say how loud a sound is played, with and without equal loudness."""
    if level == -math.inf:
        return "<strong>silent</strong>"
    equal = f"gain {tables.number_text(gain, 1)} dB"
    if heard - level - gain > 0.1:
        equal += f", still {tables.number_text(heard - level - gain, 1)} dB quieter"
    plain = f"gain {tables.number_text(limit, 1)} dB"
    if limit < 0:
        plain += ", or it would clip"
    return f'<span class="gain" data-equal="{equal}" data-plain="{plain}">{plain}</span>'


def _metrics_table(
    rows: Sequence[Mapping[str, object]], columns: Sequence[Column], references: set[str]
) -> str:
    """Compose the table, the best values bold; nothing where there are no rows or columns."""
    if not rows or not columns:
        return ""
    arrows = {"higher": " ↑", "lower": " ↓", None: ""}
    headings = {c.key: c.heading + arrows[c.better] for c in columns}
    ranked = [i for i, row in enumerate(rows) if row.get("name") not in references]
    strong = {(i, c.key) for c in columns if c.better for i in _best(rows, ranked, c)}
    table = tables.table_html(rows, headings=headings, strong=strong)
    key = "<p>↑ higher is better, ↓ lower is better; the best result is bold.</p>" if strong else ""
    return f'<div class="scroll" tabindex="0" role="region" aria-label="Table">{table}</div>{key}'


def _best(rows: Sequence[Mapping[str, object]], ranked: Sequence[int], column: Column) -> list[int]:
    """Find the rows whose value reads as the best of a column, unless all read the same."""
    values = [rows[i].get(column.key) for i in ranked]
    finite = [
        (float(value), text, i)
        for value, text, i in zip(values, tables.column_texts(values), ranked, strict=True)
        if isinstance(value, int | float | np.floating) and not math.isnan(value)
    ]
    if len({text for _, text, _ in finite}) < 2:
        return []
    pick = max if column.better == "higher" else min
    best_text = pick(finite)[1]
    return [i for _, text, i in finite if text == best_text]


def _figure(picture: Picture) -> str:
    """Compose a figure that opens at full size."""
    url = html.escape(_relative_url(picture.file))
    caption = f"<figcaption>{html.escape(picture.caption)}</figcaption>" if picture.caption else ""
    image = f'<img src="{url}" alt="{html.escape(picture.alt)}" loading="lazy">'
    return f'<figure><a href="{url}">{image}</a>{caption}</figure>'


def _command_block(commands: Sequence[str]) -> str:
    """Compose the commands; nothing where there are none."""
    if not commands:
        return ""
    code = html.escape("\n".join(commands))
    return f'<pre class="scroll" tabindex="0"><code>{code}</code></pre>'


def _section(heading: str, content: str) -> str:
    """Compose a section; nothing where it would be empty."""
    return f"<section>\n<h2>{heading}</h2>\n{content}\n</section>" if content else ""
