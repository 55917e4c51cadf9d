"""What results say: the headline, the leaderboard, comparisons, and the gate."""
