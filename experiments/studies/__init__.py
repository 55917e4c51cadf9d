"""Experiments that answer one question each, on the data of a run: a table, a figure, and what they say."""
