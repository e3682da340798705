"""Reviews: what users say of finished sessions, the experts' replies, and reports of what should not stay."""
