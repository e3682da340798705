"""Pure rules of a consult's money and times.

The user pays for the whole seconds in which both were there, at the rate of a minute divided by sixty, rounded half up
to the paisa; what else was held comes back. Who does not come: as with a booked session (sessions/booked/policy.py).
"""

from konnect.sessions.booked.policy import SHORTEST_MINS as SHORTEST_MINS

LONGEST_MINS = 8 * 60
"""Whatever the platform's longest session is: a reservation must not take more than a day, with all that may follow."""
ACCEPT_MINS = 5
WARN_MINS = (5, 1)
"""So long before its end both are warned."""


def price(rate_paise: int, minutes: int) -> int:
    """What is held for a consult of so many minutes."""
    return rate_paise * minutes


def seconds(together_ms: int, minute_s: float) -> int:
    """Whole seconds of the product, of which a minute has sixty also where it is shortened."""
    return together_ms * 60 // round(minute_s * 1000)


def earned(rate_paise: int, seconds: int) -> int:
    """What so many seconds cost, half up to the paisa."""
    return (2 * rate_paise * seconds + 60) // 120
