"""Messages of a session: stored before they are acknowledged, in commit order."""
