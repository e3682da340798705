"""Firestore: documents as plain dicts, the transaction runner, queries and cursors, and the count of what it costs."""

from .database import Database, Doc, Usage, measure
from .query import Page, Query, page, sifted
from .transaction import EffectSink, Emit, Tx, rehearse, run

__all__ = [
    "Database",
    "Doc",
    "EffectSink",
    "Emit",
    "Page",
    "Query",
    "Tx",
    "Usage",
    "measure",
    "page",
    "rehearse",
    "run",
    "sifted",
]
