"""The iteration behind `spectramend.nmf.fit` and `encode`: arrays, blocks, data, sweeps."""
