"""Who is connected: connections by user, kept by the signaling instances under a lease each."""
