"""Restore the hidden cells of a spectrogram by masked NMF."""
