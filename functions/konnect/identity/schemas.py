"""Wire models of accounts."""

from datetime import datetime

from konnect.http.schemas import Schema


class Profile(Schema):
    id: str
    email: str | None
    name: str | None
    role: str
    disabled: bool
    created_at: datetime
    updated_at: datetime
