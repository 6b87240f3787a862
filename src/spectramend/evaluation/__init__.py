"""Metrics of a restored recording against its reference."""
