"""Live classes: an educator teaches many at once, at a time that is in the educator's calendar."""
