"""The deletion of an account, in every domain."""
