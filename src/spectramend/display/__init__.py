"""Sounds, spectrograms and tables as HTML and figures."""

from spectramend.display.html_audio import sound_html
from spectramend.display.spectrograms import figure_png
from spectramend.display.tables import column_texts

__all__ = ["column_texts", "figure_png", "sound_html"]
