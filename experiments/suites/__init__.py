"""Suites of pairs, drawn from a dataset or frozen."""
