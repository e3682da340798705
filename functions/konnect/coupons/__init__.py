"""The platform's coupons: a percentage or an amount off a booking, which the mentor does not pay for."""
