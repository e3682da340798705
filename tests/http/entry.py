"""The source that the functions framework loads."""

import functions_framework
from flask import Request, Response

from tests.http import serving


@functions_framework.http
def entry(request: Request) -> Response:
    return serving.run("entry", request)
