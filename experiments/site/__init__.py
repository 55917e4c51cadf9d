"""The public leaderboard: static pages of all entries."""
