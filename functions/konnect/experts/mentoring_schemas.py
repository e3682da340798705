"""Wire models of what a profile says of a mentor."""

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from konnect.http.schemas import Schema

from .mentoring import Area, Level
from .schemas import Line

Month = Annotated[str, StringConstraints(pattern=r"^(19|20)[0-9]{2}(-(0[1-9]|1[0-2]))?$")]


class Expertise(Schema):
    """An area and, as the mentor sees it, how well it is known."""

    name: Area
    proficiency: Level | None = None


class PastRole(Schema):
    """`from` and `to`: a year, or a month of one."""

    company: Line
    role: Line
    from_: Month | None = Field(default=None, alias="from", examples=["2019"])
    to: Month | None = Field(default=None, examples=["2022-06"])

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.from_ and self.to and self.to[: len(self.from_)] < self.from_[: len(self.to)]:
            raise ValueError("must end after it begins")
        return self
