"""When people are taken: one calendar a person, for whatever is booked of them, on either side."""
