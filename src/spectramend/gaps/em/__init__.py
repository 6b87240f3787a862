"""Expectation-maximization for missing samples under a Gaussian model with NMF variances."""
