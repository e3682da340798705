"""Wire models of specialties."""

from typing import Annotated

from pydantic import Field, StringConstraints, model_validator

from konnect.http.schemas import ListQuery, Schema

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)]
Order = Annotated[int, Field(strict=True, ge=0, le=100_000)]


class Specialty(Schema):
    """What experts are found under; `count` is how many approved experts have it."""

    id: str
    name: str
    count: int


class SpecialtiesQuery(ListQuery):
    limit: int = Field(default=100, ge=1, le=100, description="How many items a page has at most.")


class AdminSpecialty(Specialty):
    order: int = Field(description="Lists begin with the lowest; equal ones are sorted by name.")
    retired: bool = Field(description="Not listed; experts who have it keep it, and are found under it.")
    renamed_to: str | None = Field(default=None, description="The id of what this one has become.")


class NewSpecialty(Schema):
    name: Name
    order: Order = 100


class SpecialtyChange(Schema):
    """What is left out stays as it is."""

    name: Name | None = None
    order: Order | None = None
    retired: bool | None = Field(default=None, strict=True)

    @model_validator(mode="after")
    def _something(self) -> "SpecialtyChange":
        if self.name is None and self.order is None and self.retired is None:
            raise ValueError("give name, order or retired")
        return self
