"""Sessions by the minute: request, queue, minutes, grace, absence, end, settlement."""
