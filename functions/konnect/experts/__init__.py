"""Experts: the public profile, its private part, and who may be found and be online."""
