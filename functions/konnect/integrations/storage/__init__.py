"""Cloud Storage: signed URLs, and what is stored under a path."""
