"""A real HTTP server around one function, as the functions framework wraps it, and tokens for it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import functions_framework
import jwt
from flask import Request, Response
from werkzeug.serving import make_server

ENTRY = Path(__file__).with_name("entry.py")
_functions: dict[str, Callable[[Request], Response]] = {}


def run(name: str, request: Request) -> Response:
    return _functions[name](request)


@contextmanager
def served(function: Callable[[Request], Response]) -> Iterator[str]:
    """The URL of a server that answers with `function`."""
    before = _functions.get("entry")
    _functions["entry"] = function
    server = make_server("127.0.0.1", 0, functions_framework.create_app("entry", str(ENTRY)), threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        if before is not None:
            _functions["entry"] = before


def claims(project: str, uid: str, **changes: Any) -> dict[str, Any]:
    """The claims of a Firebase ID token; a change to None drops one."""
    now = datetime.now(UTC)
    made: dict[str, Any] = {
        "iss": f"https://securetoken.google.com/{project}",
        "aud": project,
        "sub": uid,
        "user_id": uid,
        "auth_time": int(now.timestamp()) - 1,
        "iat": int(now.timestamp()) - 1,
        "exp": int((now + timedelta(hours=1)).timestamp()),
        "email": f"{uid}@konnect.test",
        "email_verified": True,
        "name": uid.title(),
        "firebase": {"sign_in_provider": "password"},
        **changes,
    }
    return {name: value for name, value in made.items() if value is not None}


def emulator_token(project: str, uid: str, **changes: Any) -> str:
    """A token in the Auth emulator's form: unsigned."""
    return jwt.encode(claims(project, uid, **changes), None, algorithm="none")
