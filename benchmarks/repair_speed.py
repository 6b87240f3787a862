"""Time one repair in a short and in an hour-long file, against copying the file.

The hour is a 48 kHz, 24-bit stereo WAV of noise, about 1 GB, made in a temporary folder. Each
repair runs in a process of its own; its time after start-up and its peak memory are printed.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

SR = 48000
REGION = "{start}-{stop}@500-3000"
REGION_S = 0.3
SECONDS = {"10 s": 10, "1 h": 3600}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="Print JSON.")
    parser.add_argument("--repair", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.repair:
        print(json.dumps(repair_once(*arguments.repair)))
        return
    rows = measure()
    if arguments.json:
        print(json.dumps(rows))
        return
    print("| file | region | copy (s) | repair (s) | process time (s) | peak memory (MB) |")
    print("|---|---|---:|---:|---:|---:|")
    for row in rows:
        print(
            f"| {row['file']} | {row['region']} | {row['copy_s']:.2f} | {row['repair_s']:.2f} | "
            f"{row['process_s']:.2f} | {row['peak_mb']:.0f} |"
        )


def measure() -> list[dict[str, Any]]:
    """Make the files, copy and repair them."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, seconds in SECONDS.items():
            source, target = Path(folder) / "in.wav", Path(folder) / "out.wav"
            write_noise(source, seconds)
            # The first copy brings the file into memory, as it would be after it was recorded.
            shutil.copyfile(source, target)
            os.sync()
            started = time.perf_counter()
            shutil.copyfile(source, target)
            with target.open("rb") as stream:
                os.fsync(stream.fileno())
            copy_s = time.perf_counter() - started
            target.unlink()
            start = seconds / 2
            for spec in (
                REGION.format(start=start, stop=start + REGION_S),
                f"{start}-{start + 0.3}",
            ):
                command = [sys.executable, __file__, "--repair", str(source), str(target), spec]
                result = subprocess.run(command, check=True, capture_output=True, text=True)
                rows.append(
                    {"file": name, "region": spec, "copy_s": copy_s} | json.loads(result.stdout)
                )
                target.unlink()
    return rows


def write_noise(path: Path, seconds: int) -> None:
    """Write stereo noise, a minute at a time."""
    import soundfile

    rng = np.random.default_rng(0)
    minute = 0.1 * rng.standard_normal((SR * min(60, seconds), 2))
    with soundfile.SoundFile(path, "w", SR, 2, "PCM_24") as stream:
        for _ in range(max(1, seconds // 60)):
            stream.write(minute)


def repair_once(source: str, target: str, spec: str) -> dict[str, float]:
    """Repair a region of a file, in this process."""
    from spectramend.core.regions import Region
    from spectramend.restoration.recording_files import repair_file

    wall, process = time.perf_counter(), time.process_time()
    repair_file(source, target, Region.parse(spec), rng=0)
    return {
        "repair_s": time.perf_counter() - wall,
        "process_s": time.process_time() - process,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


if __name__ == "__main__":
    main()
