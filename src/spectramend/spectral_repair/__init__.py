"""Regions limited in frequency: removal of an interfering event, interpolation of a lost band."""
