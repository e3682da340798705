"""Mentors as admins see them: list, update, switch, and import and export as a table."""
