"""Razorpay: orders, payments, signed webhooks."""
