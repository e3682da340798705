"""What the platform keeps of a booking, from which moment on."""
