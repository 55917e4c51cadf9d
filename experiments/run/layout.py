"""What a run's folder holds: names relative to it."""

from __future__ import annotations

#: How the run is made, as JSON with everything filled in.
CONFIGURATION = "configuration.json"

#: Where it was made: machine, versions and command of the first start, and of others where they differ.
ENVIRONMENT = "environment.json"

#: Every result, one on a line.
RECORDS = "records.jsonl"

#: What is read out of the records: the table, the comparison of whole sets, whether the run counts, the page.
LEADERBOARD = "leaderboard.csv"
SETS = "sets.csv"
VALIDITY = "validity.json"
REPORT = "report.html"

#: What listeners say of the outputs, where somebody has asked them.
LISTENERS = "listeners.csv"

#: Folders beside the page: one page for each pair, and what it draws and lists for papers.
PAIR_PAGES = "pairs"
FIGURES = "figures"
TABLES = "tables"

#: What the run was made from when it had nothing left to do.
FINISHED = "finished.json"

#: The list of pairs.
SUITE = "suite.csv"

#: Folders: the dataset, the clips of a frozen suite, the style judges, what methods learned, what they made.
DATASET = "dataset"
SUITE_CLIPS = "suite"
JUDGE = "judge"
SECOND_JUDGE = "second-judge"
PREPARED = "prepared"
OUTPUTS = "outputs"

#: The judges, and their accuracy on pieces that they have not learned from.
JUDGE_FILE = f"{JUDGE}/judge.pt"
SECOND_JUDGE_FILE = f"{SECOND_JUDGE}/judge.pt"
EVALUATION = f"{JUDGE}/evaluation.json"
SECOND_EVALUATION = f"{SECOND_JUDGE}/evaluation.json"
