"""Points, levels, badges and streaks."""
