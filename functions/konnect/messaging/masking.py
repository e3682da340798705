"""Whether contacts are put out of sight in a conversation, as the platform's configuration says (maskContacts)."""

from konnect.contacts import masked
from konnect.platform import platform_config
from konnect.store import Database, Doc

from .membership import Membership


class Masking:
    """For the messages of one conversation."""

    def __init__(self, db: Database, of: Membership) -> None:
        where = platform_config(db).maskContacts
        self._on = where == "everywhere" or (where == "bookings" and of.type == "mentor")

    def text(self, value: str) -> str:
        return masked(value) if self._on else value

    def code(self, block: Doc | None) -> Doc | None:
        return {**block, "code": masked(block["code"], code=True)} if self._on and block else block

    def file(self, attachment: Doc) -> Doc:
        return {**attachment, "fileName": masked(attachment["fileName"])} if self._on else attachment
