"""When a mentor can be booked: weekly rules in the mentor's own zone, exceptions, holidays."""
