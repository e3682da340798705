"""Documents on paper: what domains hand out as PDF."""
