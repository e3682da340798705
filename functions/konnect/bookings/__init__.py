"""Mentor Connect's bookings: a time with a mentor, paid by Razorpay, held until it has taken place."""
