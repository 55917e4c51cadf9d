"""Datasets of anybody's own audio: folders, tables, patterns of names, mirdata."""
