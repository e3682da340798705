"""Subscriptions: plans paid by the month through Razorpay, and the minutes and discounts that bookings get by them."""
