"""Listening pages and reports of repairs."""
