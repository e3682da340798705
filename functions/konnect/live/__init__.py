"""Live classes of educators."""
