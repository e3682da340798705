"""The only code that changes a balance: movements whose legs sum to zero, and the accounts they touch."""
