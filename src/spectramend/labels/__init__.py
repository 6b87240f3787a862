"""Label files: regions read and written as the programs do in which recordings are marked."""

from spectramend.labels.base import Format
from spectramend.labels.registry import (
    FORMATS,
    format_of,
    parse_regions,
    read_regions,
    write_regions,
)

__all__ = ["FORMATS", "Format", "format_of", "parse_regions", "read_regions", "write_regions"]
