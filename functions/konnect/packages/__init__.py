"""Packages of sessions with one mentor: paid for at once, cheaper, and used one booking at a time."""
