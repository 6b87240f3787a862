"""Write ``benchmarks/report.md``: ``python benchmarks/report.py --data DIR``.

Every number of the report is printed by a program of this folder or by the command line, and the
tables of the README and of the pages under ``docs`` are taken from it. DIR holds the recordings,
which do not come with the project: ``thiemann2015`` with those of the 2015 notebook, ``dev/speech``
with a folder for each voice, ``dev/music`` and ``dev/events``. Without DIR their tables stay out.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FIGURES = HERE / "figures"
README = HERE.parent / "README.md"
REPAIR = HERE.parent / "docs" / "repair.md"
GAPS = HERE.parent / "docs" / "gaps.md"
NMF = HERE.parent / "docs" / "nmf.md"
DECLIPPING_PAGE = HERE.parent / "docs" / "declipping.md"
PACKAGES = ("spectramend", "numpy", "scipy", "pystoi", "pesq")
METRICS = ("si_sdr_db", "stoi", "estoi", "pesq_wb")
BOUNDED_S = 1  # s of the middle of each recording; two would take hours
# Social sparsity, the best published method, takes two minutes an excerpt: ask for it by name.
DECLIPPING = (
    "--input-sdr",
    "1,3,7,15",
    "--methods",
    "clipped,a_spade,spectramend_fast,spectramend",
)


def processor() -> str:
    """Name the processor."""
    try:
        info = Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    names = re.findall(r"^model name\s*: (.*)$", info, re.MULTILINE)
    return f"{names[0] if names else platform.machine()}, {len(names)} cores"


def run(arguments: list[str]) -> str:
    """Run a program with this interpreter and return what it prints."""
    return subprocess.run(
        [sys.executable, *arguments], check=True, capture_output=True, text=True
    ).stdout


def experiment(name: str, data: Path, *options: str) -> dict[str, Any]:
    """Run an experiment."""
    arguments = ["experiment", name, "--data", str(data), *options, "--json"]
    result: dict[str, Any] = json.loads(run(["-m", "spectramend", *arguments]))
    return result


def gains(rows: list[dict[str, Any]]) -> str:
    """List how much two conditions are better than those on which they build."""
    by_name = {row["condition"]: row for row in rows}
    lines = []
    for name, base in (("spectramend", "ibm_only"), ("estimated_mask_spectramend", "mix")):
        above = ", ".join(
            f"{key} {by_name[name][key] - by_name[base][key]:+.3f}"
            for key in ("si_sdr_db", "estoi", "pesq_wb")
        )
        lines.append(f"- `{name}` over `{base}`: {above}")
    return "\n".join(lines) + "\n"


def table(rows: list[dict[str, Any]], keys: tuple[str, ...]) -> str:
    """Format rows as a Markdown table."""
    texts = [key for key in keys if isinstance(rows[0][key], str)]
    lines = [
        "| " + " | ".join(keys) + " |",
        "|" + "|".join("---" if key in texts else "---:" for key in keys) + "|",
    ]
    for row in rows:
        cells = [row[key] if key in texts else f"{row[key]:.3f}" for key in keys]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def update_speed(data: Path | None) -> str:
    """Time one update."""
    return run([str(HERE / "update_speed.py")])


def peers(data: Path | None) -> str:
    """Compare NMF with other implementations."""
    figure = FIGURES / "peers.png"
    arguments = [str(HERE / "peers.py"), "--figure", str(figure)]
    content = run(arguments if data is None else [*arguments, "--data", str(data)])
    # The page on NMF has the table of the first data set, speech, from own starts.
    own = content.split("From own starts", 1)[1].split("\n\n")
    show(NMF, "peers", f"{content.splitlines()[0]}\n\n{own[1]}\n")
    return content + linked(figure, "Divergence against time, of all methods on both data sets")


def scaling(data: Path | None) -> str:
    """Measure how time and memory of NMF grow."""
    figure = FIGURES / "scaling.png"
    content = run([str(HERE / "scaling.py"), "--figure", str(figure)])
    return content + linked(figure, "Time of an iteration against F, K and N, memory against N")


def starts(data: Path | None) -> str:
    """Compare starts of NMF."""
    arguments = [str(HERE / "starts.py")]
    return run(arguments if data is None else [*arguments, "--data", str(data)])


def gpu(data: Path | None) -> str | None:
    """Time NMF on a GPU, where there is one."""
    content = run([str(HERE / "gpu.py")])
    return content if "|" in content else None


def startup(data: Path | None) -> str:
    """Time start-up."""
    return run([str(HERE / "startup.py")])


def linked(figure: Path, text: str) -> str:
    """Link a figure from the report."""
    return f"\n![{text}]({figure.relative_to(HERE).as_posix()})\n"


def inpaint_speed(data: Path) -> str:
    """Time training and inpainting."""
    return run([str(HERE / "inpaint_speed.py")])


def repair_speed(data: Path) -> str:
    """Time repairs of files."""
    return run([str(HERE / "repair_speed.py")])


def gap_speed(data: Path) -> str:
    """Time interpolation of gaps."""
    return run([str(HERE / "gap_speed.py")])


def show(page: Path, name: str, content: str) -> None:
    """Replace a part of a page between its marks with a part of the report."""
    text = page.read_text("utf-8")
    mark = f"<!-- {name}: benchmarks/report.py -->\n"
    start = text.index(mark) + len(mark)
    page.write_text(text[:start] + content + text[text.index("<!-- end -->", start) :], "utf-8")


def stereo_gaps(data: Path) -> str:
    """Measure the gain by other channels."""
    return run([str(HERE / "stereo_gaps.py"), str(data / "dev" / "music")])


def missing_cells(data: Path) -> str:
    """Measure recovery of missing cells."""
    return run([str(HERE / "missing_cells.py"), str(data / "dev" / "music")])


def notebook(data: Path, mask: str) -> str:
    """Run the 2015 experiment; its table for exact masks is the README's, too."""
    rows = experiment("thiemann2015", data / "thiemann2015", "--mask", mask)["rows"]
    if mask == "exact":
        show(README, "table", table(rows, ("condition", *METRICS)))
    return (
        "On the notebook's own recordings, seed 0. `seconds` is what the condition took with its "
        "dictionary at hand.\n\n"
        + table(rows, ("condition", "transform", *METRICS, "lsd_hidden_db", "seconds"))
    )


def voices(data: Path, *options: str) -> str:
    """Run the experiment on voices."""
    rows = experiment("voices", data / "dev" / "speech", *options)["rows"]
    shown = ("condition", "si_sdr_db", "estoi", "pesq_wb", "lsd_hidden_db", "seconds")
    return f"Means over the pairs of `dev/speech`, seed 0.\n\n{table(rows, shown)}\n{gains(rows)}"


def occlusion(data: Path, damage: str) -> str:
    """Run the experiment on occlusion."""
    result = experiment("occlusion", data / "dev", "--damage", damage)
    shown = ("condition", "snr_db", "lsd_db", "residual_db", "pesq_wb", "seconds")
    scenes = {(item["recording"], item["event"]) for item in result["items"]}
    parts = [f"Means over {len(scenes)} scenes of `dev`, seed 0.\n"]
    for kind in ("speech", "music"):
        rows = [row for row in result["rows"] if row["group"] == kind]
        keys = [key for key in shown if rows[0][key] is not None]
        parts.append(f"{kind}:\n\n{table(rows, tuple(keys))}")
    return "\n".join(parts)


def everyday(data: Path) -> str:
    """Run the experiment on everyday damage; the page on repair has the table of all kinds."""
    result = experiment("everyday", data / "dev")
    ours = ("spectramend", "spectramend_detected")
    levels = ("untouched_db", "muted_db", "best_other", "snr_db", "margin_db")
    shown = ("group", "condition", *levels, "worse", "outside_db", "f1", "seconds")
    rows = []
    for row in result["rows"]:
        detects = row["f1"] is not None or row["group"].startswith(("hum", "whine", "undamaged"))
        if row["condition"] == ours[0] or (row["condition"] == ours[1] and detects):
            rows.append({key: "-" if row[key] is None else _text(row[key]) for key in shown})
    kinds = {item["kind"] for item in result["items"]}
    content = (
        f"Means over {result['settings']['recordings']} excerpts of `dev/speech` and `dev/music`, "
        f"seed 0: rows of a kind and level, of a kind, and of all. `spectramend_detected` is shown "
        f"where `detect` looks for such damage.\n\n{table(rows, shown)}"
    )
    of_kinds = [row for row in rows if row["group"] in kinds or row["group"] == "all"]
    show(REPAIR, "everyday", table(of_kinds, shown))
    return content


def _text(value: float | str) -> str:
    """Write a number with two decimals."""
    return value if isinstance(value, str) else f"{value:.2f}"


def hum(data: Path) -> str:
    """Compare subtraction of hum with notch filters."""
    return run([str(HERE / "hum.py"), str(data / "dev")])


def detection(data: Path) -> str:
    """Measure detection."""
    return "Recordings of `dev` with simulated damage at known positions.\n\n" + run(
        [str(HERE / "detection.py"), "--data", str(data / "dev")]
    )


def clipping(data: Path) -> str:
    """Measure the detection of clipping."""
    command = [str(HERE / "clipping.py"), "--data", str(data / "dev")]
    return (
        "Recordings of `dev`, clipped at levels that leave an SDR, and what may follow. Those on "
        "which constants were chosen:\n\n"
        + run([*command, "--half", "tuning"]).strip()
        + "\n\nThe others:\n\n"
        + run([*command, "--half", "check"])
    )


def ablation(data: Path) -> str:
    """Leave out one part at a time."""
    return (
        "Our default on the pairs of `dev/speech` without one part at a time: means above "
        "`ibm_only`, the least gain of any pair in PESQ, and seconds of inpainting. "
        "`other utterances` are the second ones of each voice, under the voice after the "
        "next.\n\n" + run([str(HERE / "ablation.py"), str(data / "dev" / "speech")])
    )


def declipping_ablation(data: Path) -> str:
    """Leave out one part of declipping at a time."""
    content = (
        "The middle second of every third recording of `dev/speech` and `dev/music`: mean gain in "
        "SDR over the clipped samples in dB, by the SDR of the clipped recording, and seconds for "
        "a second of sound.\n\n"
        + run([str(HERE / "declipping_ablation.py"), "--data", str(data / "dev")])
    )
    show(DECLIPPING_PAGE, "parts", content)
    return content


def missing_time(data: Path, name: str, lengths: str) -> str:
    """Run an experiment on gaps or columns."""
    result = experiment(name, data / "dev" / "music")
    flat: dict[str, dict[str, Any]] = {}
    for row in result["rows"]:
        of = flat.setdefault(row["condition"], {"condition": row["condition"]})
        of[str(row["group"])] = row["snr_db"]
    for condition, of in flat.items():
        times = [i["seconds"] for i in result["items"] if i["condition"] == condition]
        of["seconds"] = sum(times) / len(times)
    rows = list(flat.values())
    content = (
        f"Means over the {result['rows'][0]['signals']} pieces of `dev/music` of 3 s or more, seed "
        f"0: SNR in dB by {lengths}, and seconds for a piece.\n\n{table(rows, tuple(rows[0]))}"
    )
    show(GAPS, name, content)
    return content


def bounded(data: Path, name: str, unit: str, measure: str, arguments: tuple[str, ...] = ()) -> str:
    """Run an experiment on samples that are known to an interval."""
    result = experiment(name, data / "dev", "--seconds", str(BOUNDED_S), *arguments)
    parts = [
        f"The middle {BOUNDED_S} s of recordings of `dev/speech` and `dev/music`: `{measure}` by "
        f"{unit}, and means over these.\n"
    ]
    for kind in dict.fromkeys(row["kind"] for row in result["rows"]):
        flat = []
        for condition in dict.fromkeys(row["condition"] for row in result["rows"]):
            own = [r for r in result["rows"] if (r["condition"], r["kind"]) == (condition, kind)]
            line = {"condition": condition, **{str(row["level"]): row[measure] for row in own}}
            for key in ("pesq_wb", "consistent_share", "seconds"):
                if all(row[key] is not None for row in own):
                    line[key] = sum(row[key] for row in own) / len(own)
            flat.append(line)
        parts.append(f"{kind}:\n\n{table(flat, tuple(flat[0]))}")
    content = "\n".join(parts)
    show(DECLIPPING_PAGE, name, content)
    return content


# Sections by their headings: the function that makes one, and whether it needs recordings. Where it
# returns None, as the machine cannot measure it, the section of the last report stays.
Section = tuple[Callable[[Path], str | None], bool]
SECTIONS: dict[str, Section] = {
    "One update: `benchmarks/update_speed.py`": (update_speed, False),
    "Other implementations: `benchmarks/peers.py`": (peers, False),
    "Growth of time and memory: `benchmarks/scaling.py`": (scaling, False),
    "Starts on long data: `benchmarks/starts.py`": (starts, False),
    "On a GPU: `benchmarks/gpu.py`": (gpu, False),
    "Start-up: `benchmarks/startup.py`": (startup, False),
    "Training and inpainting: `benchmarks/inpaint_speed.py`": (inpaint_speed, False),
    "Repair of files: `benchmarks/repair_speed.py`": (repair_speed, False),
    "Speed of gaps: `benchmarks/gap_speed.py`": (gap_speed, False),
    "2015 experiment: `spectramend experiment thiemann2015 --mask notebook`": (
        partial(notebook, mask="notebook"),
        True,
    ),
    "2015 experiment: `spectramend experiment thiemann2015 --mask exact`": (
        partial(notebook, mask="exact"),
        True,
    ),
    "Voices: `spectramend experiment voices`": (voices, True),
    "Voices: `spectramend experiment voices --keep-reliable`": (
        lambda data: voices(data, "--keep-reliable"),
        True,
    ),
    "Ablation: `benchmarks/ablation.py`": (ablation, True),
    "Occlusion: `spectramend experiment occlusion`": (
        partial(occlusion, damage="occluded"),
        True,
    ),
    "Occlusion: `spectramend experiment occlusion --damage missing`": (
        partial(occlusion, damage="missing"),
        True,
    ),
    "Everyday damage: `spectramend experiment everyday`": (everyday, True),
    "Hum: `benchmarks/hum.py`": (hum, True),
    "Detection: `benchmarks/detection.py`": (detection, True),
    "Clipping: `benchmarks/clipping.py`": (clipping, True),
    "Gaps: `spectramend experiment gaps`": (
        partial(missing_time, name="gaps", lengths="length of the gaps in ms"),
        True,
    ),
    "Columns: `spectramend experiment columns`": (
        partial(missing_time, name="columns", lengths="columns of a gap"),
        True,
    ),
    "Declipping: `spectramend experiment declipping --seconds 1`": (
        partial(
            bounded,
            name="declipping",
            unit="input SDR in dB",
            measure="delta_sdr_db",
            arguments=DECLIPPING,
        ),
        True,
    ),
    "Parts of declipping: `benchmarks/declipping_ablation.py`": (declipping_ablation, True),
    "Dequantization: `spectramend experiment dequantization --seconds 1`": (
        partial(bounded, name="dequantization", unit="bits a sample", measure="sdr_db"),
        True,
    ),
    "Gaps in one channel: `benchmarks/stereo_gaps.py`": (stereo_gaps, True),
    "Missing cells: `benchmarks/missing_cells.py`": (missing_cells, True),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of the recordings")
    parser.add_argument("--only", help="make only sections with this in their heading; keep others")
    options = parser.parse_args()

    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    parts = [
        "# Benchmarks\n\n"
        f"Made by `benchmarks/report.py`. {processor()}; Python {platform.python_version()}, "
        f"{versions}. Times are worth comparing within a table only.\n",
    ]
    report = HERE / "report.md"
    kept = dict(re.findall(r"^## (.*)\n\n((?:(?!## ).*\n)*)", report.read_text("utf-8"), re.M))
    for heading, (make, needs_data) in SECTIONS.items():
        wanted = options.only is None or options.only in heading
        can = options.data is not None or not needs_data
        content = make(options.data) if wanted and can else None
        made = content is not None
        if content is None and (options.only is not None or (wanted and can)):
            content = kept.get(heading)
        if content is None:
            continue
        parts.append(f"## {heading}\n\n{content.strip()}\n")
        print(f"{heading}: {'made' if made else 'kept'}.", flush=True)
    report.write_text("\n".join(parts), "utf-8")
    print(f"{report}: written.")


if __name__ == "__main__":
    main()
