"""Restore the hidden cells of a spectrogram by masked NMF.

Names stand in their modules, so that a dictionary is loaded without the models of `inpaint`.
"""
