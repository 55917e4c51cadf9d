"""Soundfonts: found, downloaded, made of recorded notes, played."""
