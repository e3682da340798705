"""A local stand-in for Google's OpenID Connect issuer: tokens of service accounts, and the keys to verify them."""

import hashlib
import json
import time
from collections import OrderedDict
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

TOKEN_LIFETIME_S = 3600
KEY_BITS = 2048
# A signature costs about a millisecond, a queue dispatches up to 500 tasks a second: reuse tokens, as Google does.
_REUSE_WHILE_LEFT_S = TOKEN_LIFETIME_S // 2
_CACHED_TOKENS = 256


class LocalIssuer:
    """Signs ID tokens like those Google gives a service account, with an RSA key of its own made at start.

    `issuer_url` becomes the claim `iss`; whoever verifies fetches `jwks()` over HTTP.
    """

    def __init__(self, issuer_url: str) -> None:
        self.issuer_url = issuer_url
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
        public: dict[str, Any] = RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        self._jwk = {name: public[name] for name in ("kty", "n", "e")}
        thumbprint = hashlib.sha256(json.dumps(self._jwk, sort_keys=True, separators=(",", ":")).encode())
        self.key_id = thumbprint.hexdigest()[:40]
        self._tokens: OrderedDict[tuple[str, str], tuple[int, str]] = OrderedDict()

    def token(self, audience: str, email: str, *, lifetime_s: int = TOKEN_LIFETIME_S) -> str:
        """An RS256 JWT for the service account `email`: iss, aud, azp, sub, email, email_verified, iat, exp.

        A token of the standard lifetime is reused until half of it has passed; another `lifetime_s` (negative: already
        expired) is always signed anew.
        """
        now_s = int(time.time())
        if lifetime_s != TOKEN_LIFETIME_S:
            return self._sign(audience, email, now_s, lifetime_s)
        key = (audience, email)
        cached = self._tokens.get(key)
        if cached and cached[0] - now_s > _REUSE_WHILE_LEFT_S:
            self._tokens.move_to_end(key)
            return cached[1]
        token = self._sign(audience, email, now_s, lifetime_s)
        self._tokens[key] = (now_s + lifetime_s, token)
        self._tokens.move_to_end(key)
        if len(self._tokens) > _CACHED_TOKENS:
            self._tokens.popitem(last=False)
        return token

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """The public key as a JSON Web Key Set: {"keys": [{kty, alg, use, kid, n, e}]}."""
        return {"keys": [{**self._jwk, "alg": "RS256", "use": "sig", "kid": self.key_id}]}

    def _sign(self, audience: str, email: str, now_s: int, lifetime_s: int) -> str:
        # Google's ids of service accounts are 21 digits; ours follow from the address, so they stay over restarts.
        account_id = str(10**20 + int.from_bytes(hashlib.sha256(email.encode()).digest()[:8], "big"))
        claims = {
            "iss": self.issuer_url,
            "aud": audience,
            "azp": account_id,
            "sub": account_id,
            "email": email,
            "email_verified": True,
            # A token that has expired was issued before that.
            "iat": now_s if lifetime_s > 0 else now_s + lifetime_s - TOKEN_LIFETIME_S,
            "exp": now_s + lifetime_s,
        }
        return jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": self.key_id})
