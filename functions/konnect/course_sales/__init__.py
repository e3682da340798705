"""The sale of courses: enrolling, checkouts, purchases, refunds, and the money of them."""
