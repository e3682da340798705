"""The sandbox's HTTP server: cryptoKeys.encrypt and decrypt under `/v1`, the sandbox's own paths under `/sandbox`."""

import base64
import os
from typing import Any

from aiohttp import web
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from local.listening import HttpService

NONCE_BYTES = 12
VERSION_BYTES = 4


class KmsSandbox(HttpService):
    """Keys by name, each with its versions; port 0 takes any free one.

    POST /v1/{name}:encrypt {plaintext, additionalAuthenticatedData} and :decrypt {ciphertext, …}, base64, as the API.
    POST /sandbox/rotate gives every key a new version. POST /sandbox/faults {"status", "times"} makes the next
    requests fail.
    """

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        super().__init__(port, host)
        self.keys: dict[str, list[bytes]] = {}
        self._faults: list[int] = []

    def app(self) -> web.Application:
        app = web.Application()
        app.add_routes(
            [
                web.post("/v1/{name:projects/[^:]+}:encrypt", self._encrypt),
                web.post("/v1/{name:projects/[^:]+}:decrypt", self._decrypt),
                web.post("/sandbox/rotate", self._rotate),
                web.post("/sandbox/faults", self._set_faults),
            ]
        )
        return app

    def snapshot(self) -> dict[str, Any]:
        """All keys, for a restart: without them, what was encrypted is lost."""
        return {name: [base64.b64encode(one).decode() for one in versions] for name, versions in self.keys.items()}

    def restore(self, snapshot: dict[str, Any]) -> None:
        self.keys = {name: [base64.b64decode(one) for one in versions] for name, versions in snapshot.items()}

    async def _encrypt(self, request: web.Request) -> web.Response:
        if fault := self._fault():
            return fault
        name, body = request.match_info["name"], await request.json()
        versions = self.keys.setdefault(name, [AESGCM.generate_key(256)])
        nonce = os.urandom(NONCE_BYTES)
        sealed = AESGCM(versions[-1]).encrypt(nonce, _bytes(body, "plaintext"), _about(body))
        ciphertext = len(versions).to_bytes(VERSION_BYTES) + nonce + sealed
        version = f"{name}/cryptoKeyVersions/{len(versions)}"
        return web.json_response({"name": version, "ciphertext": base64.b64encode(ciphertext).decode()})

    async def _decrypt(self, request: web.Request) -> web.Response:
        if fault := self._fault():
            return fault
        body = await request.json()
        data = _bytes(body, "ciphertext")
        number, nonce = int.from_bytes(data[:VERSION_BYTES]), data[VERSION_BYTES : VERSION_BYTES + NONCE_BYTES]
        try:
            key = self.keys[request.match_info["name"]][number - 1]
            plain = AESGCM(key).decrypt(nonce, data[VERSION_BYTES + NONCE_BYTES :], _about(body))
        except (LookupError, InvalidTag, ValueError):
            return _refusal(400, "INVALID_ARGUMENT", "Decryption failed: the ciphertext is invalid.")
        return web.json_response({"plaintext": base64.b64encode(plain).decode()})

    async def _rotate(self, request: web.Request) -> web.Response:
        for versions in self.keys.values():
            versions.append(AESGCM.generate_key(256))
        return web.json_response({name: len(versions) for name, versions in self.keys.items()})

    async def _set_faults(self, request: web.Request) -> web.Response:
        body = await request.json()
        self._faults += [int(body["status"])] * int(body.get("times", 1))
        return web.json_response({"faults": self._faults})

    def _fault(self) -> web.Response | None:
        if not self._faults:
            return None
        return _refusal(self._faults.pop(0), "UNAVAILABLE", "The service is currently unavailable.")


def _bytes(body: dict[str, Any], name: str) -> bytes:
    return base64.b64decode(body.get(name, ""))


def _about(body: dict[str, Any]) -> bytes | None:
    return _bytes(body, "additionalAuthenticatedData") or None


def _refusal(code: int, status: str, message: str) -> web.Response:
    return web.json_response({"error": {"code": code, "message": message, "status": status}}, status=code)
