"""The listening page: its files, keys, volumes, and escaping."""

from __future__ import annotations

import json
import math
import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from spectramend.errors import ParameterError
from spectramend.reports.listening_page import Picture, Sound, listening_page
from spectramend.reports.loudness import loudness_db
from spectramend.reports.results_table import Column, Table

SR = 16000


def noise(seconds: float = 1.0, *, level: float = 0.1, seed: int = 0) -> NDArray[np.float64]:
    return level * np.random.default_rng(seed).standard_normal(round(seconds * SR))


def sound(name: str, samples: NDArray[Any], **changes: Any) -> Sound:
    fields = {"title": name.title(), "description": f"About {name}.", "file": f"{name}.wav"}
    return Sound(name, samples=samples, sr=SR, **(fields | changes))


class Reader(HTMLParser):
    """Collects a page's elements and text; refuses tags that do not match."""

    VOID = frozenset({"meta", "input", "img", "br"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.elements if name == tag]


def page(**changes: Any) -> str:
    sounds = [sound("clean", noise(), reference=True), sound("mix", noise(level=0.2))]
    fields: dict[str, Any] = {"title": "Demo", "lead": "Two voices.", "sounds": sounds}
    return listening_page(**(fields | changes))


def test_page_links_its_files_and_nothing_else() -> None:
    text = page(figures=[Picture("a figure.png", "What it shows.", "Caption.")])
    reader = Reader(text)
    assert [a["src"] for a in reader.all("audio")] == ["clean.wav", "mix.wav"]
    assert [a["href"] for a in reader.all("a")] == ["clean.wav", "mix.wav", "a%20figure.png"]
    assert [(i["src"], i["alt"]) for i in reader.all("img")] == [
        ("a%20figure.png", "What it shows.")
    ]
    assert not re.search(r"https?:|//[a-z]|@import|url\(", text.replace("// ", ""))


def test_page_has_one_button_and_key_a_condition() -> None:
    reader = Reader(page(sounds=[sound(f"s{i}", noise(0.1)) for i in range(11)]))
    buttons = [b for b in reader.all("button") if b.get("class") == "condition"]
    assert len(buttons) == 11
    assert [b.get("aria-keyshortcuts") for b in buttons] == [*"123456789", None, None]
    assert all(b["aria-pressed"] == "false" for b in buttons)
    ids = [attrs["id"] for _, attrs in reader.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert {b["aria-describedby"] for b in buttons} <= set(ids)
    assert "1–9 switch" in reader.text


def test_page_of_one_sound_names_no_switching() -> None:
    assert "switch," not in Reader(page(sounds=[sound("mix", noise())])).text


def test_volumes_make_the_files_equally_loud() -> None:
    sounds = [sound("loud", noise(level=0.3)), sound("quiet", noise(level=0.1, seed=1))]
    text = page(sounds=sounds)
    volumes = [float(str(a["data-volume"])) for a in Reader(text).all("audio")]
    assert volumes[1] == 1.0
    heard = [loudness_db(v * s.samples, SR) for v, s in zip(volumes, sounds, strict=True)]
    assert heard[0] == pytest.approx(heard[1], abs=0.001)
    assert f'data-equal="gain −{-20 * math.log10(volumes[0]):.1f} dB"' in text


def test_silent_and_faint_conditions_say_so() -> None:
    text = page(
        sounds=[sound("a", noise()), sound("b", np.zeros(SR)), sound("c", noise(level=1e-4))]
    )
    assert text.count("<strong>silent</strong>") == 1
    assert "gain 0.0 dB, still 60.0 dB quieter" in text
    assert [a["data-volume"] for a in Reader(text).all("audio")] == ["1.000000"] * 3


def test_page_of_silence_alone() -> None:
    assert "<strong>silent</strong>" in page(sounds=[sound("a", np.zeros(10))])


def test_bar_is_as_long_as_the_longest_sound() -> None:
    text = page(sounds=[sound("a", noise(0.5)), sound("b", noise(1.25))])
    [bar] = [i for i in Reader(text).all("input") if i["type"] == "range"]
    assert bar["max"] == "1.250"


def test_everything_is_escaped() -> None:
    bad = '<b onclick="x">&$title${x}'
    text = page(
        title=bad,
        lead=bad,
        sounds=[sound("a", noise(), title=bad, description=bad, file='a"<b>&#?.wav')],
        table=Table(bad, [Column("name", bad), Column("dB", bad)], [{"name": bad, "dB": 1.0}]),
        figures=[Picture('"<b>.png', bad, bad)],
        commands=[bad],
        notes=[bad],
    )
    reader = Reader(text)
    assert reader.all("b") == []
    assert reader.all("audio")[0]["src"] == "a%22%3Cb%3E%26%23%3F.wav"
    assert reader.all("img")[0]["alt"] == bad
    assert reader.text.count(bad) >= 10


def test_empty_sections_leave_no_heading() -> None:
    assert "<h2>" not in page()
    full = page(
        table=Table(None, [Column("x", "X")], [{"x": 1}]),
        figures=[Picture("f.png", "alt")],
        commands=["spectramend demo", "echo 'a & b'"],
        notes=["A remark."],
    )
    assert full.count("<h2>") == 4
    assert "<h2>Measurements</h2>" in full
    assert "<h2>" not in page(table=Table("Empty", [Column("x", "X")], []))
    assert "<code>spectramend demo\necho &#x27;a &amp; b&#x27;</code>" in full
    assert "<figcaption>" not in full


def test_references_are_never_the_best() -> None:
    rows = [{"name": "clean", "x": 9.0}, {"name": "mix", "x": 2.0}, {"name": "other", "x": 1.0}]
    text = page(table=Table("Scores", [Column("x", "X", "higher")], rows))
    assert re.findall(r"<strong>([^<]*)</strong>", text) == ["2.00"]
    assert "<h2>Scores</h2>" in text


def test_page_without_sounds_is_refused() -> None:
    with pytest.raises(ParameterError, match="sounds is empty"):
        page(sounds=[])


@pytest.mark.parametrize("file", ["", "/a.wav", "C:\\a.wav", "//host/a.wav"])
def test_files_that_are_not_beside_the_page_are_refused(file: str) -> None:
    with pytest.raises(ParameterError, match="relative to the page"):
        sound("a", noise(), file=file)
    with pytest.raises(ParameterError, match="relative to the page"):
        Picture(file, "alt")


def test_sounds_are_checked() -> None:
    with pytest.raises(ParameterError, match="NaN"):
        sound("a", np.full(10, math.nan))
    assert sound("a", noise(0.5)).duration_s == 0.5


def test_what_would_clip_is_turned_down_with_or_without_equal_loudness() -> None:
    loud = Sound(
        "loud", "Loud", "Over full scale.", np.float64(4) * np.sin(np.arange(SR)), SR, "loud.wav"
    )
    peak = float(np.abs(loud.samples).max())
    assert peak > 1
    page = listening_page(title="T", lead="L", sounds=[loud])
    for attribute in ("data-volume", "data-plain-volume"):
        found = re.search(rf'{attribute}="([0-9.]+)"', page)
        assert found
        assert float(found[1]) == pytest.approx(1 / peak, rel=1e-3)
    assert "or it would clip" in page


def test_zoomable_pictures_bring_their_script() -> None:
    assert 'figure[data-view]")' not in page(figures=[Picture("a.png", "What it shows.")])
    view = {"images": {"before": "a_before.png"}, "text": "<\"'&>"}
    text = page(figures=[Picture("a.png", "What it shows.", "Caption.", view)])
    figure = next(attrs for attrs in Reader(text).all("figure"))
    assert json.loads(figure["data-view"] or "") == view
    assert text.count("<script>") == 2
    assert 'document.querySelectorAll("figure[data-view]")' in text
    assert not re.search(r"https?:|//[a-z]|@import|url\(", text.replace("// ", ""))
