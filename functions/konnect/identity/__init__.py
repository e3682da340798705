"""Accounts: one user, one profile, roles as capabilities."""
