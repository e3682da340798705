"""Calls between two browsers: what they need to find a way to each other. Signals are relayed by signaling."""
