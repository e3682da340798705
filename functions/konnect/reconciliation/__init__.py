"""The proof that the books are right."""
