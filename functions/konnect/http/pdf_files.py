"""PDFs as answers, which a browser keeps and asks about by their ETag."""

import hashlib

from flask import Request, Response

CONTENT_TYPE = "application/pdf"
DOCUMENTATION = {
    "responses": {
        "200": {
            "description": "OK",
            "headers": {"ETag": {"schema": {"type": "string"}}},
            "content": {CONTENT_TYPE: {"schema": {"type": "string", "contentMediaType": CONTENT_TYPE}}},
        },
        "304": {"description": "Not changed since the `If-None-Match` that was sent."},
    },
}
"""Of a route that answers so."""


def answer(request: Request, name: str, content: bytes) -> Response:
    """The file `name`.pdf, or 304 for who has it already."""
    response = Response(content, content_type=CONTENT_TYPE)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.pdf"'
    response.headers["Cache-Control"] = "private, no-cache"
    response.set_etag(hashlib.sha256(content).hexdigest()[:32])
    return response.make_conditional(request.environ)  # type: ignore[return-value]
