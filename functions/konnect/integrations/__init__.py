"""Providers outside Google, one package each: a client behind an interface, and the reading of its webhooks."""
