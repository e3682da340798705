"""Wire models of uploads."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AliasChoices, Field, StringConstraints

from konnect.http.schemas import Schema

from .files import Purpose

Type = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255)]


class NewUpload(Schema):
    """A file that is to be uploaded. `sessionId` (or `conversationId`, which is the same: a session's id, or a
    booking's) belongs to an attachment, and to nothing else."""

    purpose: Purpose
    content_type: Type = Field(
        description="résumé: PDF, DOC, DOCX; photo: JPEG, PNG, WebP; attachment: those, GIF, text, CSV, office "
        "documents, ZIP, audio; thumbnail: as a photo; video: MP4, WebM, QuickTime; material: as an attachment.",
        examples=["application/pdf"],
    )
    size: Annotated[int, Field(ge=1, strict=True)] = Field(
        description="Bytes: at most 10 MiB, of a video 2 GiB.", examples=[48_213]
    )
    file_name: Name = Field(examples=["cv.pdf"])
    session_id: Annotated[str, StringConstraints(min_length=1, max_length=128)] | None = Field(
        default=None, validation_alias=AliasChoices("sessionId", "session_id", "conversationId")
    )


class Upload(Schema):
    """Send the file to `url` by `method` with exactly these `headers`, once; then name it by `fileUrl` (résumé, photo,
    thumbnail) or by `id` (attachment, video, material)."""

    id: str
    method: Literal["PUT"]
    url: str
    headers: dict[str, str]
    file_url: str
    path: str
    expires_at: datetime = Field(description="Of `url`. What is uploaded and never named is deleted after a day.")
    max_bytes: int


class StoredFile(Schema):
    """A file to read: `url` works for ten minutes, without any header."""

    id: str
    url: str
    content_type: str
    size: int
    file_name: str
    expires_at: datetime
