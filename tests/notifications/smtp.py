"""The mail sink in a thread of its own, and a context whose mail goes there."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from konnect.config import load
from konnect.context import Context
from local.sandboxes import background
from local.sandboxes.mail import MailSink
from local.sandboxes.mail.mailbox import Message
from tests.support import new_context


@dataclass(frozen=True)
class Post:
    ctx: Context
    sink: MailSink

    def to(self, address: str) -> list[Message]:
        return list(self.sink.mailbox.find(address))


def settings_of(port: int) -> dict[str, str]:
    return {
        **os.environ,
        "MINUTE_S": "60",
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(port),
        "SMTP_TLS": "none",
        "SMTP_TIMEOUT_S": "5",
        "MAIL_FROM": "Konnect <hello@konnect.test>",
    }


@contextmanager
def post_office() -> Iterator[Post]:
    sink = MailSink(0, 0)
    with background(sink):
        yield Post(new_context(load(settings_of(sink.smtp_port))), sink)
