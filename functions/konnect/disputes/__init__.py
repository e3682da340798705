"""Disputes about booked sessions: one side says what was wrong, the other may answer, an admin decides."""
