"""Notifications: stored for their user, and mailed."""
