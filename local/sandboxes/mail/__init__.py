"""A mail server that keeps what is sent to it, to be read on a page or as JSON; nothing leaves the machine."""

from local.sandboxes.mail.server import MailSink

__all__ = ["MailSink"]
