"""Stripe: checkout sessions, refunds, disputes, signed webhooks."""
