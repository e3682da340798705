"""Skill exchange: two people teach each other, without money."""
