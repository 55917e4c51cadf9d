"""A run: its configuration, its folder, its tasks, and the records of what was done."""
