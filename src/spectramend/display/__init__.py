"""Sounds, spectrograms and tables as HTML and figures."""
