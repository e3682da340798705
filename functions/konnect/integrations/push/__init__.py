"""Push messages to phones and browsers, by Firebase Cloud Messaging."""
