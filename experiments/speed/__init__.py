"""What datasets, metrics and methods cost, as ratios of one run."""
