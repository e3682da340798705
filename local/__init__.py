"""The whole cloud on one machine: official emulators, and our own services where Google ships none."""
