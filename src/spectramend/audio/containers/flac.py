"""Metadata blocks of FLAC files: tags, pictures, cue sheets."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import BinaryIO

STREAM_INFO = 0  # type of a metadata block, as in RFC 9639, section 8.1
SEEK_TABLE = 3  # type of a metadata block, as in RFC 9639, section 8.1
LAST = 0x80  # flag of the last block, in the byte of its type, as in RFC 9639, section 8.1
COPY_BYTES = 1 << 20  # bytes held at once; engineering choice: little memory


def copy_with_metadata(sound: Path, source: Path, target: Path) -> bool:
    """Write a FLAC file with the sound of one file and the metadata of another.

    Returns whether `source` is a FLAC file; if not, `target` has the metadata of `sound`.
    """
    with sound.open("rb") as new, source.open("rb") as old, target.open("wb") as out:
        blocks, copied = read_blocks(new), read_blocks(old)
        if copied:
            # Stream info and seek table describe one coded stream.
            kept = [block for block in copied if block[0] not in (STREAM_INFO, SEEK_TABLE)]
            blocks = [blocks[0], *kept]
        out.write(b"fLaC")
        for i, (kind, content) in enumerate(blocks, 1):
            out.write(bytes([kind | (LAST if i == len(blocks) else 0)]))
            out.write(len(content).to_bytes(3, "big") + content)
        shutil.copyfileobj(new, out, COPY_BYTES)
    return bool(copied)


def read_blocks(stream: BinaryIO) -> list[tuple[int, bytes]]:
    """Read types and contents of the metadata blocks, none of other files; stop at the sound."""
    skip_id3(stream)
    if stream.read(4) != b"fLaC":
        return []
    blocks = []
    while len(head := stream.read(4)) == 4:
        content = stream.read(int.from_bytes(head[1:], "big"))
        blocks.append((head[0] & ~LAST, content))
        if head[0] & LAST:
            break
    return blocks


def skip_id3(stream: BinaryIO) -> int:
    """Go from the beginning of a file to the byte after an ID3 tag, version 2; give its place."""
    head = stream.read(10)
    place = 0
    if head.startswith(b"ID3") and len(head) == 10:
        for byte in head[6:]:
            place = place << 7 | byte & 0x7F  # the length has 7 bits in each of 4 bytes
        place += 10
    stream.seek(place)
    return place
