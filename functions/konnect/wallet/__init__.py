"""Wallets as their owners see them, their transactions, and withdrawals of earned money."""
