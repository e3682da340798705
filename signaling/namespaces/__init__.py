"""One class a namespace: its events, and nothing else."""
