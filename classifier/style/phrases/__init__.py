"""Invented phrases on sampled notes: clips of many sources of an instrument, made in milliseconds each."""
