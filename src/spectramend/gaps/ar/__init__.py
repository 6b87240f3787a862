"""Missing samples by autoregressive models."""
