"""Sessions booked for a time: paid into a hold, kept or given back by the policy, started when both are there."""
