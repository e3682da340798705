"""Signed tokens of Google's issuers, verified by PyJWT against the keys that these publish (konnect.auth has what the
tokens say)."""

import logging
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from .errors import Unauthenticated, Unavailable

if TYPE_CHECKING:
    from jwt import PyJWKClient

log = logging.getLogger(__name__)

MAX_LENGTH = 8192
LEEWAY_S = 5
CERTS_LIFESPAN_S = 3600
CERTS_TIMEOUT_S = 5


def issuer(token: str) -> str:
    """Who a token says has made it, to know whose keys to ask for: nothing of it is verified yet. "" if it is none."""
    import jwt

    try:
        payload = jwt.decode(token, options={"verify_signature": False}) if len(token) <= MAX_LENGTH else {}
    except (jwt.InvalidTokenError, ValueError):
        return ""
    return str(payload.get("iss", ""))


def decode(token: str, *, certs_url: str | None, audience: str, issuers: list[str]) -> dict[str, Any]:
    """The payload of a token; signature, audience, issuer, times and subject are checked. certs_url None: unsigned.

    Raises Unauthenticated, Unavailable (the keys can't be fetched).
    """
    import jwt

    if not token or len(token) > MAX_LENGTH:
        raise Unauthenticated("the token is missing or malformed")
    # An empty audience in the settings must not make PyJWT skip the check.
    if not audience:
        raise Unauthenticated("tokens can't be checked: no audience is configured")
    try:
        header = jwt.get_unverified_header(token)
        if certs_url is None:
            if header.get("alg") != "none":
                raise Unauthenticated("the token is not one of the Auth emulator's")
            key: Any = ""
        else:
            # Before the keys are looked at: only what Google signs with, never an algorithm that the token chooses.
            if header.get("alg") != "RS256":
                raise Unauthenticated("the token is not signed with RS256")
            key = _signing_key(certs_url, header.get("kid"))
        payload: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=["RS256"],
            audience=audience,
            issuer=issuers,
            leeway=LEEWAY_S,
            options={
                "verify_signature": certs_url is not None,
                # Without a signature to check, PyJWT would check nothing else either.
                "verify_exp": True,
                "verify_nbf": True,
                "verify_iat": True,
                "verify_aud": True,
                "verify_iss": True,
                "verify_sub": True,
                "strict_aud": True,
                "require": ["exp", "iat", "aud", "iss", "sub"],
            },
        )
    except jwt.ExpiredSignatureError as error:
        raise Unauthenticated("the token has expired") from error
    except jwt.InvalidAudienceError as error:
        raise Unauthenticated("the token was issued for another project") from error
    except jwt.InvalidIssuerError as error:
        raise Unauthenticated("the token has another issuer") from error
    except jwt.MissingRequiredClaimError as error:
        raise Unauthenticated(f"the token has no {error.claim}") from error
    except jwt.InvalidSignatureError as error:
        raise Unauthenticated("the token's signature is wrong") from error
    except jwt.ImmatureSignatureError as error:
        raise Unauthenticated("the token is not valid yet") from error
    except jwt.InvalidTokenError as error:
        raise Unauthenticated("the token is missing or malformed") from error
    return payload


def _signing_key(certs_url: str, kid: object) -> Any:
    import jwt

    if not isinstance(kid, str) or not kid:
        raise Unauthenticated("the token names no key")
    client = _key_client(certs_url)
    try:
        return client.get_signing_key(kid)
    except (jwt.PyJWTError, ValueError, OSError) as error:
        # With keys at hand the issuer has answered, so it is the token that names none of them.
        unreachable = isinstance(error, jwt.PyJWKClientConnectionError)
        if not unreachable and client.jwk_set_cache is not None and client.jwk_set_cache.get() is not None:
            raise Unauthenticated("the token was signed with an unknown key") from error
        log.warning("signing keys not fetched", extra={"url": certs_url, "error": str(error)})
        raise Unavailable("the token can't be checked at the moment; please try again") from error


@lru_cache(maxsize=8)
def _key_client(certs_url: str) -> "PyJWKClient":
    """Keys are fetched once an hour, and at once (every 30 s at most) when a token names an unknown one."""
    from jwt import PyJWKClient

    return PyJWKClient(certs_url, lifespan=CERTS_LIFESPAN_S, timeout=CERTS_TIMEOUT_S)
