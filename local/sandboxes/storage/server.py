"""The port of Cloud Storage: what gcp-storage-emulator leaves out, before it.

The emulator stores and lists, for whoever asks. Here a signed URL is checked as Cloud Storage checks it, with type,
length and precondition; what is not signed is refused, save what storage.rules open to all; browsers get the
answers of storage.cors.json; and IAM's signBlob signs. The JSON API passes through without credentials, as with every
emulator.
"""

import asyncio
import base64
import json
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote
from xml.sax.saxutils import escape

import aiohttp
from aiohttp import web
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from gcp_storage_emulator.server import Server as Emulator
from gcp_storage_emulator.server import create_server
from yarl import URL

from local.listening import HttpService
from local.manifest import ROOT
from local.ports import HOST
from local.sandboxes.storage import signatures
from local.sandboxes.storage.signatures import Refusal

CORS = ROOT / "storage.cors.json"
MAX_BODY_BYTES = 64 * 1024 * 1024
KEY_BITS = 2048
PUBLIC_FOLDERS = ("photos/", "thumbnails/")
RANGE_HEADER = "x-goog-content-length-range"
GENERATION_HEADER = "x-goog-if-generation-match"
# What a page may read of an answer without being told by Access-Control-Expose-Headers, and what it was told.
_SENT_ON = ("Content-Type", "Content-Disposition", "Content-Range", "Location", "X-Goog-Hash", "Range")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class StorageSandbox(HttpService):
    """Buckets that are there as soon as they are named; port 0 takes any free one.

    GET, HEAD and PUT /{bucket}/{path} by V4 signed URL (403 AccessDenied without, SignatureDoesNotMatch; 400
    ExpiredToken, MalformedSecurityHeader, EntityTooLarge, EntityTooSmall; 412 PreconditionFailed; 404 NoSuchKey),
    GET /v0/b/{bucket}/o/{path}?alt=media as Firebase gives a file to everyone, the JSON API, and
    POST /v1/projects/-/serviceAccounts/{email}:signBlob.
    """

    def __init__(self, port: int, host: str = HOST, cors: Path = CORS) -> None:
        super().__init__(port, host)
        self._cors: list[dict[str, Any]] = json.loads(cors.read_text(encoding="utf-8"))
        self._emulator: Emulator | None = None
        self._emulator_url = ""
        self._kept: dict[str, Any] = {}
        self._buckets: set[str] = set()
        self._writing = asyncio.Lock()
        self._session: aiohttp.ClientSession | None = None

    @cached_property
    def _key(self) -> rsa.RSAPrivateKey:
        # Made when something is signed first: a stack that stores no file doesn't wait for it.
        return rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)

    async def start(self) -> None:
        """Listen. Raises OSError for a taken port."""
        # The emulator says at each start, delete and missing object what is of no interest here.
        for name in ("gcp_storage_emulator", "api.object", "api.bucket"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._emulator = create_server(self.host, 0, in_memory=True)
        _put(self._emulator, self._kept)
        await asyncio.to_thread(self._emulator.start)
        self._emulator_url = "http://{}:{}".format(*self._emulator._api._httpd.server_address)
        self._session = aiohttp.ClientSession(auto_decompress=False)
        try:
            await super().start()
        except OSError:
            await self.stop()
            raise

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._answer], client_max_size=MAX_BODY_BYTES)
        app.router.add_route("GET", "/", self._health)
        app.router.add_route("POST", "/v1/projects/-/serviceAccounts/{email}", self._sign_blob)
        app.router.add_route("*", "/v0/b/{bucket}/o/{path:.*}", self._firebase)
        for prefix in ("/storage/v1", "/upload/storage/v1", "/download/storage/v1", "/batch/storage/v1"):
            app.router.add_route("*", prefix + "{rest:(/.*)?}", self._json_api)
        app.router.add_route("*", "/{bucket}/{path:.+}", self._object)
        return app

    async def stop(self) -> None:
        await super().stop()
        if self._session is not None:
            await self._session.close()
            self._session = None
        if self._emulator is not None:
            self._kept = self.snapshot()
            await asyncio.to_thread(self._emulator.stop)
            self._emulator = None

    def snapshot(self) -> dict[str, Any]:
        """All objects as JSON values, for a restart: bucket → path → {"object", "content" (base64)}."""
        if self._emulator is None:
            return self._kept
        stored = self._emulator._storage
        return {
            bucket: {
                name: {
                    "object": properties,
                    "content": base64.b64encode(stored.get_file(bucket, name)).decode(),
                }
                for name, properties in stored.objects.get(bucket, {}).items()
            }
            for bucket in stored.buckets
        }

    def restore(self, snapshot: dict[str, Any]) -> None:
        """To be called before `start`."""
        self._kept = snapshot

    # What is signed

    async def _object(self, request: web.Request) -> web.StreamResponse:
        raw_path, _, raw_query = request.raw_path.partition("?")
        query = parse_qsl(raw_query, keep_blank_values=True)
        headers = {name.lower(): value for name, value in request.headers.items()}
        if not signatures.is_signed(query):
            raise Refusal(403, "AccessDenied", "Access denied.", "Anonymous caller does not have access to the object.")
        key = self._key.public_key()
        signatures.check(request.method, raw_path, query, headers, key=key, now=datetime.now(UTC))
        bucket, path = request.match_info["bucket"], request.match_info["path"]
        if request.method == "PUT":
            return await self._put_object(request, bucket, path)
        if request.method not in ("GET", "HEAD"):
            raise Refusal(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")
        return await self._get_object(request, bucket, path, dict(query))

    async def _put_object(self, request: web.Request, bucket: str, path: str) -> web.Response:
        least, most = _length_range(request.headers.get(RANGE_HEADER, ""))
        if (request.content_length or 0) > most:
            # Refused unread, as Cloud Storage does; the client may still be sending.
            raise _too_large(most)
        body = await request.read()
        if len(body) > most:
            raise _too_large(most)
        if len(body) < least:
            raise Refusal(400, "EntityTooSmall", "Your proposed upload is smaller than the minimum object size.")
        target = f"/{quote(bucket)}/{quote(path)}"
        sent = {"Content-Type": request.headers.get("Content-Type", "application/octet-stream")}
        async with self._writing:
            if request.headers.get(GENERATION_HEADER) == "0" and await self._exists(bucket, path):
                message = "At least one of the pre-conditions you specified did not hold."
                raise Refusal(412, "PreconditionFailed", message)
            async with await self._ask("PUT", bucket, target, data=body, headers=sent) as answer:
                return web.Response(status=answer.status)

    async def _get_object(self, request: web.Request, bucket: str, path: str, query: dict[str, str]) -> web.Response:
        target = f"/{quote(bucket)}/{quote(path)}"
        asked = {"Range": request.headers["Range"]} if "Range" in request.headers else {}
        async with await self._ask("GET", bucket, target, headers=asked) as answer:
            if answer.status == 404:
                raise Refusal(404, "NoSuchKey", "The specified key does not exist.")
            response = await _passed_on(answer)
        if "response-content-disposition" in query:
            response.headers["Content-Disposition"] = query["response-content-disposition"]
        return response

    async def _exists(self, bucket: str, path: str) -> bool:
        target = f"/storage/v1/b/{quote(bucket)}/o/{quote(path, safe='')}"
        async with await self._ask("GET", bucket, target) as answer:
            return answer.status == 200

    # What is not

    async def _health(self, request: web.Request) -> web.Response:
        return web.Response(text="Cloud Storage")

    async def _sign_blob(self, request: web.Request) -> web.Response:
        _, _, method = request.match_info["email"].rpartition(":")
        if method != "signBlob" or not request.headers.get("Authorization", "").startswith("Bearer "):
            return _json_error(401 if method == "signBlob" else 404, "not a call of this API")
        try:
            payload = base64.b64decode((await request.json())["payload"], validate=True)
        except (ValueError, TypeError, KeyError):
            return _json_error(400, "payload must be base64")
        signature = self._key.sign(payload, padding.PKCS1v15(), hashes.SHA256())
        return web.json_response({"keyId": "local", "signedBlob": base64.b64encode(signature).decode()})

    async def _firebase(self, request: web.Request) -> web.StreamResponse:
        # The rules' own runtime is not to be had offline: of storage.rules, only what is open to everyone is here.
        path = unquote(request.match_info["path"])
        if request.method != "GET" or not path.startswith(PUBLIC_FOLDERS):
            return _json_error(403, "Permission denied.")
        bucket = request.match_info["bucket"]
        async with await self._ask("GET", bucket, f"/{quote(bucket)}/{quote(path)}") as answer:
            return _json_error(404, "Not Found.") if answer.status == 404 else await _passed_on(answer)

    async def _json_api(self, request: web.Request) -> web.Response:
        parts = request.path.split("/b/", 1)
        bucket = parts[1].split("/")[0] if len(parts) == 2 else ""
        headers = {name: value for name, value in request.headers.items() if name.lower() != "transfer-encoding"}
        body = await request.read()
        headers["Content-Length"] = str(len(body))
        async with await self._ask(request.method, bucket, request.raw_path, data=body, headers=headers) as answer:
            return await _passed_on(answer)

    async def _ask(self, method: str, bucket: str, target: str, **options: Any) -> aiohttp.ClientResponse:
        assert self._session is not None
        if bucket and bucket not in self._buckets:
            async with self._session.post(f"{self._emulator_url}/storage/v1/b", json={"name": bucket}):
                # Made now, or there already.
                self._buckets.add(bucket)
        return await self._session.request(method, URL(self._emulator_url + target, encoded=True), **options)

    # What surrounds every answer

    @web.middleware
    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method == "OPTIONS":
            return self._preflight(request)
        try:
            response = await handler(request)
        except Refusal as refusal:
            response = _xml(refusal)
        except web.HTTPException as error:
            response = _json_error(error.status, error.reason)
        rule = self._rule(request.headers.get("Origin"), request.method)
        if rule is not None:
            response.headers["Access-Control-Allow-Origin"] = _allowed_origin(rule, request)
            response.headers["Access-Control-Expose-Headers"] = ", ".join(rule["responseHeader"])
        return response

    def _preflight(self, request: web.Request) -> web.Response:
        rule = self._rule(request.headers.get("Origin"), request.headers.get("Access-Control-Request-Method", ""))
        response = web.Response()
        if rule is None:
            return response
        wanted = request.headers.get("Access-Control-Request-Headers", "")
        known = {name.lower() for name in rule["responseHeader"]}
        if any(name.strip().lower() not in known for name in wanted.split(",") if name.strip()):
            return response
        response.headers["Access-Control-Allow-Origin"] = _allowed_origin(rule, request)
        response.headers["Access-Control-Allow-Methods"] = ", ".join(rule["method"])
        response.headers["Access-Control-Allow-Headers"] = ", ".join(rule["responseHeader"])
        response.headers["Access-Control-Max-Age"] = str(rule["maxAgeSeconds"])
        return response

    def _rule(self, origin: str | None, method: str) -> dict[str, Any] | None:
        """The first rule of storage.cors.json for a page of `origin`."""
        for rule in self._cors:
            if origin and method in rule["method"] and {"*", origin} & set(rule["origin"]):
                return rule
        return None


def _allowed_origin(rule: dict[str, Any], request: web.Request) -> str:
    return "*" if "*" in rule["origin"] else request.headers["Origin"]


def _length_range(header: str) -> tuple[int, int]:
    if not header:
        return 0, MAX_BODY_BYTES
    least, _, most = header.partition(",")
    if not least.isdecimal() or not most.isdecimal():
        raise Refusal(400, "InvalidArgument", "Invalid argument.", f"{RANGE_HEADER} must be two numbers.")
    return int(least), int(most)


def _too_large(most: int) -> Refusal:
    message = "Your proposed upload is larger than the maximum object size specified in your Policy Document."
    return Refusal(400, "EntityTooLarge", message, f"At most {most} bytes.")


def _xml(refusal: Refusal) -> web.Response:
    details = f"<Details>{escape(refusal.details)}</Details>" if refusal.details else ""
    text = (
        f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{refusal.code}</Code>"
        f"<Message>{escape(refusal.message)}</Message>{details}</Error>"
    )
    return web.Response(status=refusal.status, text=text, content_type="application/xml")


def _json_error(status: int, message: str) -> web.Response:
    return web.json_response({"error": {"code": status, "message": message}}, status=status)


async def _passed_on(answer: aiohttp.ClientResponse) -> web.Response:
    headers = {name: answer.headers[name] for name in _SENT_ON if name in answer.headers}
    return web.Response(status=answer.status, body=await answer.read(), headers=headers)


def _put(emulator: Emulator, kept: dict[str, Any]) -> None:
    """Store a snapshot's objects, before the emulator serves."""
    stored = emulator._storage
    for bucket, objects in kept.items():
        stored.create_bucket(bucket, {"kind": "storage#bucket", "id": bucket, "name": bucket})
        for name, item in objects.items():
            stored.create_file(bucket, name, base64.b64decode(item["content"]), item["object"])
