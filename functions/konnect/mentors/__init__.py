"""Mentors: experts who can be booked. Their pages, discovery and statistics; the profile is konnect.experts'."""
