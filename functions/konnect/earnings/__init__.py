"""What mentors earn by bookings: paid out weekly, with statements, and shown on their dashboard."""
