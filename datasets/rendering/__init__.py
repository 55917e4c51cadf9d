"""Rendering scores: planning, playing in many processes, what is changed on the way."""
