"""Wallets as their owners see them, and their transactions."""
