"""The mail sink's two servers: SMTP that accepts everything, HTTP to read it. Both run in the caller's event loop."""

import asyncio
import logging
from typing import Any
from urllib.parse import quote
from weakref import WeakSet

from aiohttp import web
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from konnect.notifications import templates
from local.listening import listen
from local.sandboxes.mail.mailbox import Mailbox, Message, parse
from local.sandboxes.mail.page import render_list, render_message, render_previews
from local.sandboxes.mail.previews import NAME, SAMPLES

MAX_MESSAGE_BYTES = 25 * 1024 * 1024

# What a message's HTML may do in the frame: show itself, load nothing, run nothing.
HTML_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"


class _Receiver:
    """aiosmtpd's handler: keeps each message as it arrived."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content or b""
        raw = content.encode() if isinstance(content, str) else content
        self._mailbox.add(parse(envelope.mail_from or "", envelope.rcpt_tos, raw))
        return "250 OK"


def _accept_anyone(*_: Any) -> AuthResult:
    return AuthResult(success=True)


class MailSink:
    """An SMTP server on `smtp_port` (any credentials or none), a page and JSON on `http_port`. Port 0: any free port.

    GET /api/messages?to= → {"items": [summary]}, newest first; GET /api/messages/{id} adds headers, text, html;
    GET …/raw, GET …/attachments/{number}; DELETE /api/messages?to= → {"deleted": n}. GET /previews shows every
    mail that Konnect sends, with links to `app_url`.
    """

    def __init__(self, smtp_port: int, http_port: int, host: str = "127.0.0.1", app_url: str = "") -> None:
        self.app_url = app_url
        self.host = host
        self.smtp_port = smtp_port
        self.http_port = http_port
        self.mailbox = Mailbox()
        self._smtp: asyncio.Server | None = None
        self._sessions: WeakSet[SMTP] = WeakSet()
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.http_port}"

    async def start(self) -> None:
        """Listen on both ports. Raises OSError for a taken one, and then listens on neither."""
        # aiosmtpd logs each command at INFO.
        logging.getLogger("mail.log").setLevel(logging.WARNING)
        app = web.Application()
        app.add_routes(
            [
                web.get("/", self._list_page),
                web.get("/previews", self._previews),
                web.get("/previews/html/{name:.+}", self._preview_html),
                web.get("/messages/{id}", self._message_page),
                web.get("/messages/{id}/html", self._html),
                web.get("/api/messages", self._list),
                web.delete("/api/messages", self._delete),
                web.get("/api/messages/{id}", self._detail),
                web.get("/api/messages/{id}/raw", self._raw),
                web.get("/api/messages/{id}/attachments/{number:[0-9]+}", self._attachment),
            ],
        )
        try:
            self._runner = await listen(app, self.host, self.http_port)
            self._smtp = await asyncio.get_running_loop().create_server(self._session, self.host, self.smtp_port)
        except OSError:
            await self.stop()
            raise
        self.http_port = self._runner.addresses[0][1]
        self.smtp_port = self._smtp.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._smtp is not None:
            self._smtp.close()
            # An open session would keep the loop busy until its time-out.
            for session in list(self._sessions):
                transport: Any = session.transport
                if transport is not None:
                    transport.abort()
            await self._smtp.wait_closed()
            self._smtp = None
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def _session(self) -> SMTP:
        session = SMTP(
            _Receiver(self.mailbox),
            hostname="localhost",
            ident="mail sink",
            data_size_limit=MAX_MESSAGE_BYTES,
            enable_SMTPUTF8=True,
            authenticator=_accept_anyone,
            auth_require_tls=False,
            loop=asyncio.get_running_loop(),
        )
        self._sessions.add(session)
        return session

    def _message(self, request: web.Request) -> Message:
        message = self.mailbox.get(request.match_info["id"])
        if message is None:
            raise web.HTTPNotFound(text="no such message")
        return message

    async def _list_page(self, request: web.Request) -> web.Response:
        messages = self.mailbox.find(request.query.get("to"))
        return web.Response(text=render_list(messages), content_type="text/html")

    async def _message_page(self, request: web.Request) -> web.Response:
        return web.Response(text=render_message(self._message(request)), content_type="text/html")

    async def _previews(self, request: web.Request) -> web.Response:
        found = (
            (name, sample, templates.render(sample, name=NAME, app_url=self.app_url)[1])
            for name, sample in SAMPLES.items()
        )
        return web.Response(text=render_previews(found), content_type="text/html")

    async def _preview_html(self, request: web.Request) -> web.Response:
        sample = SAMPLES.get(request.match_info["name"])
        if sample is None:
            raise web.HTTPNotFound(text="no such sample")
        _, _, html = templates.render(sample, name=NAME, app_url=self.app_url)
        return web.Response(text=html, content_type="text/html", headers={"Content-Security-Policy": HTML_POLICY})

    async def _html(self, request: web.Request) -> web.Response:
        html = self._message(request).html
        if html is None:
            raise web.HTTPNotFound(text="no HTML in this message")
        headers = {"Content-Security-Policy": HTML_POLICY}
        return web.Response(text=html, content_type="text/html", headers=headers)

    async def _list(self, request: web.Request) -> web.Response:
        messages = self.mailbox.find(request.query.get("to"))
        return web.json_response({"items": [message.summary() for message in messages]})

    async def _delete(self, request: web.Request) -> web.Response:
        return web.json_response({"deleted": self.mailbox.delete(request.query.get("to"))})

    async def _detail(self, request: web.Request) -> web.Response:
        return web.json_response(self._message(request).detail())

    async def _raw(self, request: web.Request) -> web.Response:
        return web.Response(body=self._message(request).raw, content_type="text/plain", charset="utf-8")

    async def _attachment(self, request: web.Request) -> web.Response:
        attachments = self._message(request).attachments
        number = int(request.match_info["number"])
        if number >= len(attachments):
            raise web.HTTPNotFound(text="no such attachment")
        item = attachments[number]
        # Always a download: an attached page must not run in this origin.
        headers = {"Content-Disposition": "attachment; filename*=UTF-8''" + quote(item.filename, safe="")}
        return web.Response(body=item.content, content_type=item.content_type, headers=headers)
