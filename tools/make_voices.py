"""Make the bundled demo voices: five utterances of two flite voices at one level, as FLAC.

The files replace the recordings of the 2015 experiment and have their names: `MA` is the target
voice (01 the test utterance, 02 to 04 its training speech), `ML` the interfering one.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile as sf

SR = 16_000  # Hz
FRAME = 320  # samples, 20 ms
ACTIVE_DB = 40.0  # dB; frames this far below the loudest count as pauses
LEVEL_DB = -27.0  # dB re full scale, about the mean of the four MA recordings of 2015
DEFAULT_DIR = Path(__file__).resolve().parents[1] / "src" / "spectramend" / "voices"


class VoiceError(Exception):
    """A voice that cannot be made; the message is one line."""


@dataclass(frozen=True)
class Utterance:
    """Voice and text of a file, and the number of samples to remove from its leading pause."""

    voice: str
    text: str
    skip: int = 0


# The training speech (02 to 04) contains every phoneme of 01_MA at least three times.
# flite restarts the same excitation noise for every utterance: without a shift the fricatives of
# the two voices would be coherent, unlike those of two speakers.
UTTERANCES = {
    "item_01_MA": Utterance(
        "slt",
        "The young engineer walked home beside the frozen river. She thought about the broken "
        "song, and by evening each missing note had found its own place.",
    ),
    "item_02_MA": Utterance(
        "slt",
        "Every Thursday my brother cooks a large pot of fish soup for the whole house. Nobody "
        "leaves the table hungry, although two of us wish for more brown bread.",
    ),
    "item_03_MA": Utterance(
        "slt",
        "A thin ring of smoke rose above the village as young children came running around the "
        "hillside. Their pockets were full of yellow pears, and they sang in cheerful voices.",
    ),
    "item_04_MA": Utterance(
        "slt",
        "Please measure the width of each shelf before you join the edges. I should have noticed "
        "the change in the weather, because old doors never move easily in damp air.",
    ),
    "item_01_ML": Utterance(
        "rms",
        "The tall clock at the station stopped after noon. Then a porter climbed his ladder, "
        "opened the glass, and gave the hands a gentle push.",
        skip=2048,
    ),
}


def run_flite(*args: str) -> str:
    """Run flite with these arguments and return what it prints."""
    program = shutil.which("flite")
    if program is None:
        raise VoiceError("flite is not installed; try: apt-get install flite")
    done = subprocess.run([program, *args], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        reason = " ".join(done.stderr.split()) or "no message"
        raise VoiceError(f"flite failed with exit status {done.returncode}: {reason}")
    return done.stdout


def check_voices() -> None:
    """Raise unless flite has every voice: it replaces unknown ones without a message."""
    have = run_flite("-lv").partition(":")[2].split()
    for voice in sorted({u.voice for u in UTTERANCES.values()}):
        if voice not in have:
            raise VoiceError(f"flite has no voice {voice!r}, only: {' '.join(have) or 'none'}")


def speak(utterance: Utterance) -> npt.NDArray[np.float64]:
    """Synthesise an utterance [shape=(n,), -1 to 1]."""
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "speech.wav"
        run_flite("-voice", utterance.voice, "-t", utterance.text, "-o", str(wav))
        if not wav.is_file():
            raise VoiceError(f"flite wrote no sound for voice {utterance.voice!r}")
        samples: npt.NDArray[np.float64]
        samples, sr = sf.read(wav, dtype="float64")
    if sr != SR or samples.ndim != 1:
        raise VoiceError(f"voice {utterance.voice!r} is not {SR} Hz mono but {sr} Hz")
    return samples[utterance.skip :]


def active_rms(samples: npt.NDArray[np.float64]) -> float:
    """Root mean square over the frames within `ACTIVE_DB` of the loudest."""
    frames = samples[: samples.size // FRAME * FRAME].reshape(-1, FRAME)
    power = np.mean(frames**2, axis=1)
    return float(np.sqrt(np.mean(power[power > power.max() * 10 ** (-ACTIVE_DB / 10)])))


def level(samples: npt.NDArray[np.float64]) -> npt.NDArray[np.int16]:
    """Scale to `LEVEL_DB` and round to 16 bits."""
    scaled = np.rint(samples * (10 ** (LEVEL_DB / 20) / active_rms(samples)) * 2**15)
    if np.abs(scaled).max() >= 2**15 - 1:
        raise VoiceError(f"speech clips at {LEVEL_DB} dB; lower LEVEL_DB")
    return scaled.astype(np.int16)


def main() -> int:
    parser = argparse.ArgumentParser(description="Make the bundled demo voices with flite.")
    parser.add_argument("-o", "--output", type=Path, default=DEFAULT_DIR, metavar="DIR")
    folder: Path = parser.parse_args().output
    try:
        check_voices()
        # Nothing is written before all voices are synthesised: a failure leaves old files as is.
        voices = {name: level(speak(utterance)) for name, utterance in UTTERANCES.items()}
        folder.mkdir(parents=True, exist_ok=True)
        for name, samples in voices.items():
            path = folder / f"{name}.flac"
            sf.write(path, samples, SR, format="FLAC", subtype="PCM_16")
            x = samples / 2**15
            print(
                f"{path.name}  {x.size / SR:.2f} s  peak {20 * np.log10(np.abs(x).max()):.1f} dB"
                f"  rms {20 * np.log10(active_rms(x)):.1f} dB  {path.stat().st_size} bytes"
            )
    except (VoiceError, OSError, sf.SoundFileError) as error:
        print(f"make_voices: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
