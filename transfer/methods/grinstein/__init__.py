"""From the content towards the statistics of the style: of random features, or of a model of the ear."""
