"""Konnect's domain: every rule and all the money. Stateless; runs in functions and, by import, in signaling."""
