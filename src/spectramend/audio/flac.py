"""What a FLAC file holds besides sound: tags, pictures, cue sheets."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import BinaryIO

# A seek table holds for one stream only; the first block describes the stream itself.
STREAM, SEEK_TABLE, LAST = 0, 3, 0x80


def metadata_blocks(stream: BinaryIO) -> list[tuple[int, bytes]]:
    """Read the blocks before the sound; the stream stands at the sound then.

    Parameters
    ----------
    stream : binary file
        A FLAC file, at its beginning.

    Returns
    -------
    list of (int, bytes)
        Kind and content; none if the file begins otherwise.
    """
    if stream.read(4) != b"fLaC":
        return []
    blocks = []
    while len(head := stream.read(4)) == 4:
        content = stream.read(int.from_bytes(head[1:], "big"))
        blocks.append((head[0] & ~LAST, content))
        if head[0] & LAST:
            break
    return blocks


def copy_with_metadata(sound: Path, source: Path, target: Path) -> bool:
    """Write a FLAC file with the sound of one file and the metadata of another.

    Parameters
    ----------
    sound, source : Path
        Where the sound comes from, and where tags, pictures and all else do.
    target : Path
        The file to be written.

    Returns
    -------
    bool
        Whether `source` begins as a FLAC file does; if not, its metadata is not copied.
    """
    with sound.open("rb") as new, source.open("rb") as old, target.open("wb") as out:
        own, blocks = metadata_blocks(new), metadata_blocks(old)
        if blocks:
            kept = [block for block in blocks if block[0] not in (STREAM, SEEK_TABLE)]
            own = [own[0], *kept]
        out.write(b"fLaC")
        for i, (kind, content) in enumerate(own, 1):
            out.write(bytes([kind | (LAST if i == len(own) else 0)]))
            out.write(len(content).to_bytes(3, "big") + content)
        shutil.copyfileobj(new, out, 1 << 20)
    return bool(blocks)
