"""Runs: configurations, suites, the runner and its store, statistics, leaderboard, report, command line."""
