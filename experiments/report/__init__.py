"""The report of a run: a page, a page for each pair, figures and tables to publish, and the terminal."""
