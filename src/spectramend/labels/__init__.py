"""Region files, read and written as the programs do in which people mark recordings."""

from spectramend.labels.registry import (
    FORMATS,
    MAX_BYTES,
    Format,
    parse_regions,
    read_regions,
    write_regions,
)

__all__ = ["FORMATS", "MAX_BYTES", "Format", "parse_regions", "read_regions", "write_regions"]
