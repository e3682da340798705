"""Firebase Auth's own sign-in with a password."""
