"""Tests of deploy/monitoring."""
