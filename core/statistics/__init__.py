"""Intervals, tests and effect sizes over groups of paired values."""
