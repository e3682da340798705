"""Events of providers, received once."""
