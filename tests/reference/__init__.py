"""Slow programs written straight from the equations, to compare with; they share no code."""
