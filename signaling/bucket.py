"""How often one socket may do what costs little once and much in masses."""

import time

from konnect.errors import RateLimited


class Bucket:
    """`per_s` a second, as many at once. On the monotonic clock."""

    def __init__(self, per_s: float) -> None:
        self._per_s = per_s
        self._left = per_s
        self._at = time.monotonic()

    def take(self) -> None:
        """Raises RateLimited."""
        now = time.monotonic()
        self._left = min(self._per_s, self._left + (now - self._at) * self._per_s)
        self._at = now
        if self._left < 1:
            raise RateLimited("too many events; please slow down", retry_after_s=1)
        self._left -= 1
