"""The texts of a profile that everybody reads: who finds an expert here books here."""

from typing import Any

from konnect import contacts
from konnect.contacts import masked
from konnect.platform import platform_config
from konnect.store import Doc, Tx

LINES = ("title", "bio", "company", "currentRole")
LISTS = ("languages", "specialties")


def without_contacts(tx: Tx, fields: Doc) -> Doc:
    """Fields of a profile, those of them that are public without mail addresses and phone numbers, unless the
    configuration lets them be."""
    if platform_config(tx.db).maskContacts == "nowhere":
        return fields
    hidden: dict[str, Any] = {name: masked(fields[name]) for name in LINES if isinstance(fields.get(name), str)}
    if isinstance(fields.get("name"), str):
        hidden["name"] = contacts.name(fields["name"]) or masked(fields["name"])
    hidden |= {name: [masked(one) for one in fields[name]] for name in LISTS if fields.get(name)}
    if fields.get("pastRoles"):
        hidden["pastRoles"] = [
            {**past, "company": masked(past["company"]), "role": masked(past["role"])} for past in fields["pastRoles"]
        ]
    return {**fields, **hidden}
