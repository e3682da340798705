"""Money that leaves the platform: payout details, withdrawals, and payouts through a provider or by hand."""
