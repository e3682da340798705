"""What a member sees of themselves, of all domains at once."""
