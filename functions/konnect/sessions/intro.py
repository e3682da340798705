"""The introductory offer: a user's first session by the minute has free minutes and a promotional price.

introUses/{uid} {sessionId, createdAt} says that a user has begun a session by the minute: written in the transaction
that starts the first, whatever it cost, so of many starts at once one has the offer. A request that does not become a
session writes nothing.
"""

from datetime import datetime

from konnect.experts import preferences
from konnect.money import to_paise
from konnect.platform import PlatformConfig
from konnect.store import Doc, Tx

from .metering import Tariff

COLLECTION = "introUses"


def tariff(tx: Tx, uid: str, expert: Doc, config: PlatformConfig) -> Tariff:
    """What a session of this user with this expert would cost, asked for now."""
    list_paise = expert["pricePerMinPaise"]
    promotional = config.promotionalPricePerMin
    promotional_paise = list_paise if promotional is None else min(to_paise(promotional), list_paise)
    minutes = config.promotionalMinutes if promotional_paise < list_paise else 0
    offered = Tariff(list_paise, config.freeIntroMinutes, minutes, promotional_paise)
    if offered.is_intro and preferences.of(expert)["introOffer"] and tx.get(COLLECTION, uid) is None:
        return offered
    return Tariff(list_paise)


def use(tx: Tx, uid: str, session_id: str, *, now: datetime) -> None:
    """The user's session begins: the first one of all takes the offer with it."""
    if tx.get(COLLECTION, uid) is None:
        tx.create((COLLECTION, uid), {"sessionId": session_id, "createdAt": now})
