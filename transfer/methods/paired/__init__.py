"""Aligned pairs: a network learns from the same notes played by two instruments."""
