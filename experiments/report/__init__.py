"""The report of a run: a page, a page for each pair, and figures and tables to publish."""

from timbrebench.experiments.report.report_writing import write_report

__all__ = ["write_report"]
