"""Payments through a provider: orders, captures, and what a payment is for."""
