"""Firebase Auth's own sign-up and sign-in with a password."""
