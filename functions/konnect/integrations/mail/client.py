"""The mailer: one message to one address, over SMTP."""

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, parseaddr
from typing import Protocol

from konnect import spans
from konnect.config import Settings
from konnect.errors import BadGateway, Unavailable

INVITATION_FILE = "invite.ics"
PERMANENT = 500
"""From this reply code on, sending the same message again does not help (RFC 5321, 4.2.1)."""


@dataclass(frozen=True)
class Invitation:
    """An iCalendar object (konnect.ics), and what it asks for: REQUEST or CANCEL."""

    method: str
    content: bytes


@dataclass(frozen=True)
class Mail:
    """`id` becomes the Message-ID, so that a message sent again can be told from a new one."""

    id: str
    to: str
    subject: str
    text: str
    html: str
    invitation: Invitation | None = None


class Mailer(Protocol):
    def send(self, mail: Mail) -> str:
        """Hand `mail` to the server; returns its Message-ID. Raises Unavailable (try again) or BadGateway (refused)."""


class SmtpMailer:
    """One connection a message: a function's instance sends few, and is frozen between them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @spans.calls("smtp")
    def send(self, mail: Mail) -> str:
        if not self._settings.smtp_host:
            raise Unavailable("no mail server is configured")
        message = self._message(mail)
        try:
            with self._connected() as server:
                server.send_message(message, to_addrs=[mail.to])
        except smtplib.SMTPRecipientsRefused as error:
            code, reply = next(iter(error.recipients.values()))
            raise _refused(code, reply) from error
        except smtplib.SMTPAuthenticationError as error:
            # Our credentials, not this message: it can be sent once they are right.
            raise Unavailable("the mail server refuses our credentials") from error
        except smtplib.SMTPResponseException as error:
            raise _refused(error.smtp_code, error.smtp_error) from error
        except (smtplib.SMTPException, OSError) as error:
            raise Unavailable(f"the mail server can't be reached: {error}") from error
        return str(message["Message-ID"])

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        current = self._settings
        tls = ssl.create_default_context()
        server: smtplib.SMTP
        if current.smtp_tls == "implicit":
            server = smtplib.SMTP_SSL(current.smtp_host, current.smtp_port, timeout=current.smtp_timeout_s, context=tls)
        else:
            server = smtplib.SMTP(current.smtp_host, current.smtp_port, timeout=current.smtp_timeout_s)
        with server:
            if current.smtp_tls == "starttls":
                server.starttls(context=tls)
            if current.smtp_user:
                server.login(current.smtp_user, current.smtp_password)
            yield server

    def _message(self, mail: Mail) -> EmailMessage:
        sender = self._settings.mail_from
        message = EmailMessage()
        message["From"] = sender
        message["To"] = mail.to
        # A header has one line, whatever names went into it.
        message["Subject"] = " ".join(mail.subject.split())
        message["Date"] = formatdate()
        message["Message-ID"] = f"<{mail.id}@{parseaddr(sender)[1].rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(mail.text)
        message.add_alternative(mail.html, subtype="html")
        if mail.invitation is not None:
            # Outlook looks for it among the alternatives, as the last; others among the files: so all that send
            # invitations send it twice. As bytes, for a calendar's lines end with CRLF.
            content, parameters = mail.invitation.content, {"method": mail.invitation.method, "charset": "UTF-8"}
            message.add_alternative(content, maintype="text", subtype="calendar", params=parameters)
            message.add_attachment(content, maintype="application", subtype="ics", filename=INVITATION_FILE)
        return message


def mailer(settings: Settings) -> Mailer:
    """The mailer of these settings."""
    return SmtpMailer(settings)


def _refused(code: int, reply: bytes | str) -> BadGateway | Unavailable:
    text = reply.decode(errors="replace") if isinstance(reply, bytes) else reply
    message = f"the mail server answered {code} {text}"
    return BadGateway(message) if code >= PERMANENT else Unavailable(message)
