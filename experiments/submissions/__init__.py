"""Runs packed for others: written, checked, merged."""
