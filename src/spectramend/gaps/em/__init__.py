"""Missing samples by EM algorithms, under a Gaussian model of frames with NMF variances.

Mokrý, Magron, Oberlin & Févotte 2023. `algorithms`: EM-tf, AM and AM-to-EM-tf on whole signals.
`iterations`: their E-step and M-step in turn. `frame_posterior`: the E-step, mean and variance of
missing samples given the variances of the bins. `toeplitz`: the inverses that it needs, by the
Gohberg-Semencul formula. `framing`: frames of a signal, and overlap-add.
"""
