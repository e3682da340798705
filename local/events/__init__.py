"""Firestore's trigger events, from the emulator to the functions at least once."""

from local.events.faults import Fault
from local.events.relay import DeliveryRetry, EventRelay

__all__ = ["DeliveryRetry", "EventRelay", "Fault"]
