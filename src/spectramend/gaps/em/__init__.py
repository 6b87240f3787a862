"""Missing samples by EM algorithms, under a Gaussian model with NMF variances."""
