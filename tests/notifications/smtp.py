"""The mail sink and the push sandbox in a thread of their own, and a context that sends there."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from konnect.config import load
from konnect.context import Context
from local.sandboxes import background
from local.sandboxes.mail import MailSink
from local.sandboxes.mail.mailbox import Message
from local.sandboxes.push import PushSandbox
from tests.support import new_context


@dataclass(frozen=True)
class Post:
    ctx: Context
    sink: MailSink
    push: PushSandbox

    def to(self, address: str) -> list[Message]:
        return list(self.sink.mailbox.find(address))


def settings_of(smtp_port: int, fcm_url: str = "") -> dict[str, str]:
    return {
        **os.environ,
        "MINUTE_S": "60",
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(smtp_port),
        "SMTP_TLS": "none",
        "SMTP_TIMEOUT_S": "60",
        "MAIL_FROM": "Konnect <hello@konnect.test>",
        "FCM_URL": fcm_url,
        "FCM_TIMEOUT_S": "60",
        "APP_URL": "https://app.konnect.test/",
    }


@contextmanager
def post_office() -> Iterator[Post]:
    sink, push = MailSink(0, 0), PushSandbox(0)
    with background(sink, push):
        yield Post(new_context(load(settings_of(sink.smtp_port, push.url))), sink, push)
