"""Whether metrics do what they declare."""
