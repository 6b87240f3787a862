"""Missing samples by autoregressive models.

`least_squares`: the samples that minimise the
residual of one model; `janssen_ar`: both in turn, by Janssen, Veldhuis & Vries 1986. `two_sided`:
one gap from models of its left and right side, after Etter 1996; `weighted_least_squares`: the
weighted sum of residuals that it minimises; `multirate`: its models at lower sample rates.
"""
