"""Wire models of account deletion."""

from datetime import datetime
from typing import Literal

from konnect.http.schemas import Schema


class Deletion(Schema):
    """The account is closed; `requested`: its data is being erased."""

    id: str
    status: Literal["requested", "done"]
    requested_at: datetime
