"""Repair of recordings, as arrays and as files."""
