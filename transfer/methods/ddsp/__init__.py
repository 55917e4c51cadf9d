"""Differentiable digital signal processing: oscillators and filtered noise that a small network controls."""
