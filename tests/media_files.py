"""Files of FFmpeg for tests, where the package ``av`` is installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

SR = 48000


def sound(n: int = SR, channels: int = 2) -> NDArray[np.float32]:
    """Make tones with noise [shape=(channels, n)], so that a shift by a sample shows."""
    t = np.arange(n) / SR
    noise = np.random.default_rng(0).normal(0, 0.05, (channels, n))
    tones = [0.3 * np.sin(2 * np.pi * f * t) for f in (440, 660, 550)[:channels]]
    return (np.cumsum(noise, axis=1) * 0.05 + tones).astype(np.float32)


def write_media(
    file: Path, codec: str, x: NDArray[np.float32] | None, *, picture: int = 0, **tags: str
) -> Path:
    """Code samples [shape=(channels, n)], if any, and so many grey pictures of 40 ms, to a file."""
    av: Any = pytest.importorskip("av")
    with av.open(str(file), "w") as out:
        out.metadata.update(tags)
        coded = []
        if picture:
            track = out.add_stream("mpeg4", rate=25)
            track.width, track.height, track.pix_fmt = 64, 64, "yuv420p"
            frames = [av.VideoFrame(64, 64, "yuv420p") for _ in range(picture)]
            for i, frame in enumerate(frames):
                frame.pts = i
            coded.append((track, frames))
        if x is not None:
            layout = {1: "mono", 2: "stereo"}[len(x)]
            track = out.add_stream(codec, rate=SR, layout=layout)
            track.bit_rate = 192_000
            frame = av.AudioFrame.from_ndarray(x, "fltp", layout=layout)
            frame.sample_rate, frame.pts = SR, 0
            coded.append((track, av.AudioResampler(track.format.name, layout, SR).resample(frame)))
        # The header is written with the first packet, and needs all tracks.
        for track, frames in coded:
            for frame in (*frames, None):
                for packet in track.encode(frame):
                    out.mux(packet)
    return file
