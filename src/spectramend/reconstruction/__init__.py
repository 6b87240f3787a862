"""From a spectrum with hidden cells to samples: Griffin-Lim, least squares, consistent Wiener."""
