"""Intervals, tests and effect sizes over content pieces."""
