"""Listening tests: making one from a run, and reading what listeners have answered."""
