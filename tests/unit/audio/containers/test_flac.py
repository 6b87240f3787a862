"""FLAC files keep their metadata blocks."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import soundfile

from audio_files import libsndfile, make, names, noise
from spectramend.audio import Patch, inspect, write_patched
from spectramend.audio.containers import copy_with_metadata


def flac_block(kind: int, content: bytes) -> bytes:
    return bytes([kind]) + len(content).to_bytes(3, "big") + content


def test_flac_keeps_tags_pictures_and_cue_sheets(tmp_path: Path) -> None:
    with soundfile.SoundFile(tmp_path / "x.flac", "w", 44100, 2, "PCM_24") as stream:
        stream.title, stream.artist = "Títle", "Artist"
        stream.write(noise(9999))
    content = (tmp_path / "x.flac").read_bytes()
    stream_info, rest = content[4:42], content[42:]
    picture = struct.pack(">II9sI3sIIIII3s", 3, 9, b"image/png", 3, b"cat", 1, 1, 8, 0, 3, b"png")
    lead_out = struct.pack(">QB", 9999 * 588, 170) + bytes(27)
    cue_sheet = bytes(136) + b"\x80" + bytes(258) + b"\1" + lead_out
    extra = [
        flac_block(6, picture),
        flac_block(3, bytes(18)),
        flac_block(5, cue_sheet),
        flac_block(2, b"appl and data"),
    ]
    (tmp_path / "x.flac").write_bytes(b"fLaC" + stream_info + b"".join(extra) + rest)
    whole, info = libsndfile(tmp_path / "x.flac"), inspect(tmp_path / "x.flac")
    report = write_patched(info, tmp_path / "y.flac", [Patch(1, 5000, np.zeros(9))])
    assert report.notes == ()
    after = (tmp_path / "y.flac").read_bytes()
    for block in (extra[0], extra[2], extra[3]):
        assert block in after
    assert extra[1] not in after  # seek points of other places
    with soundfile.SoundFile(tmp_path / "y.flac") as stream:
        assert (stream.title, stream.artist) == ("Títle", "Artist")
    whole[1, 5000:5009] = 0
    np.testing.assert_array_equal(libsndfile(tmp_path / "y.flac"), whole)
    assert names(tmp_path) == ["x.flac", "y.flac"]


def test_metadata_of_another_container_is_not_copied(tmp_path: Path) -> None:
    sound = make(tmp_path, "FLAC", "PCM_16")
    other = make(tmp_path, "WAV", "PCM_16")
    assert not copy_with_metadata(sound, other, tmp_path / "y.flac")
    assert (tmp_path / "y.flac").read_bytes() == sound.read_bytes()
    assert copy_with_metadata(sound, sound, tmp_path / "z.flac")
    np.testing.assert_array_equal(libsndfile(tmp_path / "z.flac"), libsndfile(sound))
