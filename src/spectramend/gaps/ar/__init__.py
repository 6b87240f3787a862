"""Autoregressive models of missing samples."""
