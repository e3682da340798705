"""V4 signed URLs as Cloud Storage checks them: the canonical request, its signature, its time, its headers.

https://cloud.google.com/storage/docs/authentication/canonical-requests
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, unquote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

ALGORITHM = "GOOG4-RSA-SHA256"
LONGEST = timedelta(days=7)
EARLY = timedelta(minutes=15)
PARAMETERS = ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")


class Refusal(Exception):
    """An error of the XML API: status, its code and what it says."""

    def __init__(self, status: int, code: str, message: str, details: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = details


def is_signed(query: Sequence[tuple[str, str]]) -> bool:
    return any(name.startswith("X-Goog-") for name, _ in query)


def check(
    method: str,
    path: str,
    query: Sequence[tuple[str, str]],
    headers: Mapping[str, str],
    *,
    key: rsa.RSAPublicKey,
    now: datetime,
) -> list[str]:
    """The names of the signed headers of a request that may pass. `path` as it was sent, `query` decoded, the names of
    `headers` small. Raises Refusal."""
    given = {name.removeprefix("X-Goog-"): value for name, value in query if name.startswith("X-Goog-")}
    for name in PARAMETERS:
        if not given.get(name):
            raise _malformed(f"X-Goog-{name}", f"X-Goog-{name} is missing.")
    if given["Algorithm"] != ALGORITHM:
        raise _malformed("X-Goog-Algorithm", f"Algorithm must be {ALGORITHM}.")
    _check_time(given["Date"], given["Expires"], now)
    _, _, scope = given["Credential"].partition("/")
    if scope.split("/")[0] != given["Date"][:8] or scope.split("/")[2:] != ["storage", "goog4_request"]:
        raise _malformed("X-Goog-Credential", "The credential's scope is not one of Cloud Storage's.")
    signed = given["SignedHeaders"].split(";")
    if "host" not in signed or any(name not in headers for name in signed):
        raise _malformed("X-Goog-SignedHeaders", "Header was included in signedheaders, but not in the request.")
    if any(name.startswith("x-goog-") and name not in signed for name in headers):
        raise _malformed("X-Goog-SignedHeaders", "Every x-goog- header of the request has to be signed.")
    canonical = _canonical(method, path, query, headers, signed)
    text = "\n".join([ALGORITHM, given["Date"], scope, hashlib.sha256(canonical.encode()).hexdigest()])
    try:
        key.verify(bytes.fromhex(given["Signature"]), text.encode(), padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, ValueError) as error:
        raise Refusal(
            403,
            "SignatureDoesNotMatch",
            "Access denied.",
            "The request signature we calculated does not match the signature you provided. Check your Google secret "
            "key and signing method.",
        ) from error
    return signed


def _check_time(date: str, expires: str, now: datetime) -> None:
    try:
        began = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise _malformed("X-Goog-Date", "The date is no ISO 8601 basic date.") from error
    if not expires.isdecimal() or not 0 < int(expires) <= LONGEST.total_seconds():
        raise _malformed("X-Goog-Expires", "The expiration is no number of seconds up to seven days.")
    if began > now + EARLY:
        raise Refusal(403, "RequestTimeTooSkewed", "The difference between the request time and now is too large.")
    ended = began + timedelta(seconds=int(expires))
    if now > ended:
        raise Refusal(
            400,
            "ExpiredToken",
            "The provided token has expired.",
            f"Request signature expired at: {ended.isoformat()}",
        )


def _canonical(
    method: str, path: str, query: Sequence[tuple[str, str]], headers: Mapping[str, str], signed: Sequence[str]
) -> str:
    pairs = sorted(
        f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in query if "Signature" not in name
    )
    lines = [f"{name}:{' '.join(headers[name].split())}\n" for name in sorted(signed)]
    payload = headers["x-goog-content-sha256"] if "x-goog-content-sha256" in signed else "UNSIGNED-PAYLOAD"
    resource = quote(unquote(path), safe="/~")
    return "\n".join([method, resource, "&".join(pairs), "".join(lines), ";".join(sorted(signed)), payload])


def _malformed(parameter: str, details: str) -> Refusal:
    return Refusal(400, "MalformedSecurityHeader", "Your request has a malformed header.", f"{parameter}: {details}")
