"""Commands on recordings: train and mask."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from spectramend.cli.base import (
    PATH,
    cli,
    command,
    overwrite_option,
    salvage_option,
    say,
    seed_option,
    stft_options,
    transform,
)
from spectramend.errors import AudioError

if TYPE_CHECKING:
    from spectramend.audio import Audio
    from spectramend.core.masks import Mask
    from spectramend.core.stft import STFT


@command(cli, "train")
@click.argument("clean", nargs=-1, required=True, type=PATH)
@click.option("-o", "--output", type=PATH, required=True, help="Dictionary, VOICE.safetensors.")
@click.option("--atoms", type=click.IntRange(1), help="Atoms. [default: a fifth of the bins]")
@stft_options
@click.option("--beta", type=float, default=0.0, show_default=True, help="Which beta-divergence.")
@salvage_option
@seed_option
@overwrite_option
def train(
    clean: tuple[Path, ...],
    output: Path,
    atoms: int | None,
    n_fft: int | None,
    hop_length: int | None,
    beta: float,
    salvage: bool,
    seed: int,
    overwrite: bool,
) -> None:
    """Train a dictionary on clean recordings of one voice or instrument."""
    from spectramend import audio
    from spectramend.core.files import check_output
    from spectramend.inpainting.dictionary import Dictionary

    check_output(output, overwrite=overwrite)
    recordings = audio.read_same_rate(list(clean), salvage=salvage)
    voice = Dictionary.train(
        [recording.samples for recording in recordings],
        sr=recordings[0].sr,
        stft=transform(n_fft, hop_length),
        n_components=atoms,
        beta=beta,
        sources=[recording.source for recording in recordings if recording.source],
        rng=seed,
    )
    voice.save(output, overwrite=overwrite)
    seconds = sum(recording.seconds for recording in recordings)
    say(f"{output}: {voice.n_components} atoms from {seconds:.1f} s at {voice.sr} Hz.")


def _check_mono(path: Path, recording: Audio) -> None:
    """Refuse recordings of several channels."""
    if recording.samples.ndim != 1:
        raise AudioError(f"{path}: has {len(recording.samples)} channels; a mask is made of mono.")


def _check_length(path: Path, length: int, stft: STFT) -> None:
    """Refuse a recording shorter than a frame."""
    if length < stft.n_fft:
        raise AudioError(
            f"{path}: has {length} samples, shorter than a frame of {stft.n_fft}: use a smaller "
            f"--n-fft."
        )


def _say_reliable(path: Path, mask: Mask) -> None:
    """Say how many cells of a mask are reliable."""
    say(f"{path}: {100 * mask.observed.mean():.1f} % of {mask.observed.shape} cells reliable.")


@cli.group("mask")
def mask_group() -> None:
    """Make masks: which cells of a spectrum are reliable."""


@command(mask_group, "ideal")
@click.argument("target", type=PATH)
@click.argument("interferer", type=PATH)
@click.option("-o", "--output", type=PATH, required=True, help="Mask file, MASK.npz.")
@click.option(
    "--gain",
    type=float,
    default=1.0,
    show_default=True,
    help="Compare with so many times the interferer.",
)
@click.option(
    "--mix-gain", type=float, help="The interferer's gain in the mix. [default: the same as --gain]"
)
@click.option(
    "--floor-db", type=float, help="Hide cells so far under the target's loudest. [default: none]"
)
@stft_options
@overwrite_option
def mask_ideal(
    target: Path,
    interferer: Path,
    output: Path,
    gain: float,
    mix_gain: float | None,
    floor_db: float | None,
    n_fft: int | None,
    hop_length: int | None,
    overwrite: bool,
) -> None:
    """Write the ideal binary mask of TARGET against INTERFERER.

    A shorter recording counts as silent after its end.
    """
    import numpy as np

    from spectramend import audio
    from spectramend.core.files import check_output
    from spectramend.core.masks import Mask

    check_output(output, overwrite=overwrite)
    voices = audio.read_same_rate([target, interferer])
    for path, voice in zip((target, interferer), voices, strict=True):
        _check_mono(path, voice)
    stft = transform(n_fft, hop_length)
    length = max(voice.samples.size for voice in voices)
    _check_length(target, length, stft)
    T, N = (stft.forward(np.pad(v.samples, (0, length - v.samples.size))) for v in voices)
    mask = Mask.ideal(
        T, N, gain=gain, mix_gain=mix_gain, floor_db=floor_db, stft=stft, sr=voices[0].sr
    )
    mask.save(output, overwrite=overwrite)
    _say_reliable(output, mask)


@command(mask_group, "estimate")
@click.argument("mix", type=PATH)
@click.option(
    "--target",
    type=PATH,
    multiple=True,
    required=True,
    help="Dictionary of the voice to keep; repeat for several, which do better than one.",
)
@click.option(
    "--interferer",
    type=PATH,
    multiple=True,
    help="Dictionary of the other voice, as many as of the target. [default: learned from MIX]",
)
@click.option("-o", "--output", type=PATH, required=True, help="Mask file, MASK.npz.")
@seed_option
@overwrite_option
def mask_estimate(
    mix: Path,
    target: tuple[Path, ...],
    interferer: tuple[Path, ...],
    output: Path,
    seed: int,
    overwrite: bool,
) -> None:
    """Estimate with dictionaries in which cells of MIX a voice dominates.

    The mask has the transform of the first dictionary.
    """
    from spectramend import audio
    from spectramend.core.files import check_output
    from spectramend.inpainting.dictionary import Dictionary
    from spectramend.inpainting.mask_estimation import estimate_mask

    check_output(output, overwrite=overwrite)
    recording = audio.read(mix)
    _check_mono(mix, recording)
    voices = [Dictionary.load(path) for path in target]
    others = [Dictionary.load(path) for path in interferer] or None
    stft = voices[0].stft
    _check_length(mix, recording.samples.size, stft)
    mask = estimate_mask(
        stft.forward(recording.samples),
        target=voices,
        interferer=others,
        stft=stft,
        sr=recording.sr,
        rng=seed,
    )
    mask.save(output, overwrite=overwrite)
    _say_reliable(output, mask)
