"""Jitsi Meet: rooms and tokens of calls, signed webhooks."""
