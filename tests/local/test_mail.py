"""The mail sink, by smtplib and HTTP."""

import smtplib
import socket
from collections.abc import Iterator
from email.message import EmailMessage

import pytest
import requests

from local.sandboxes import background
from local.sandboxes.mail import MailSink, mailbox

TIMEOUT_S = 60


@pytest.fixture
def sink() -> Iterator[MailSink]:
    sink = MailSink(0, 0)
    with background(sink):
        yield sink


def message(to: str = "user@konnect.test", subject: str = "Your session") -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = "Konnect <no-reply@konnect.test>"
    mail["To"] = to
    mail["Subject"] = subject
    mail.set_content("Hello,\nit starts at 10:00.\n")
    return mail


def send(sink: MailSink, mail: EmailMessage, recipients: list[str] | None = None) -> None:
    with smtplib.SMTP(sink.host, sink.smtp_port, timeout=TIMEOUT_S) as client:
        client.send_message(mail, to_addrs=recipients)


def get(sink: MailSink, path: str) -> requests.Response:
    return requests.get(sink.url + path, timeout=TIMEOUT_S)


def items(sink: MailSink, query: str = "") -> list[dict]:
    return get(sink, f"/api/messages{query}").json()["items"]


class TestReceive:
    def test_text_html_and_attachment(self, sink: MailSink) -> None:
        mail = message(subject="Reçu ₹ 100")
        mail.add_alternative("<p>It starts at <b>10:00</b>.</p>", subtype="html")
        mail.add_attachment(b"%PDF-1.7 ...", maintype="application", subtype="pdf", filename="receipt ₹.pdf")
        send(sink, mail)

        [summary] = items(sink)
        assert summary["subject"] == "Reçu ₹ 100"
        assert summary["from"] == "no-reply@konnect.test"
        assert summary["to"] == ["user@konnect.test"]
        assert summary["receivedAt"].endswith("Z")
        assert summary["attachments"] == [
            {"filename": "receipt ₹.pdf", "contentType": "application/pdf", "size": 12},
        ]
        detail = get(sink, f"/api/messages/{summary['id']}").json()
        assert detail["text"] == "Hello,\nit starts at 10:00.\n"
        assert detail["html"] == "<p>It starts at <b>10:00</b>.</p>\n"
        assert ["To", "user@konnect.test"] in detail["headers"]
        attachment = get(sink, f"/api/messages/{summary['id']}/attachments/0")
        assert attachment.content == b"%PDF-1.7 ..."
        assert attachment.headers["Content-Disposition"].startswith("attachment")
        assert b"receipt" in get(sink, f"/api/messages/{summary['id']}/raw").content

    def test_text_only_has_no_html(self, sink: MailSink) -> None:
        send(sink, message())
        [summary] = items(sink)
        assert get(sink, f"/api/messages/{summary['id']}").json()["html"] is None
        assert get(sink, f"/messages/{summary['id']}/html").status_code == 404

    def test_blind_copies_are_in_the_envelope(self, sink: MailSink) -> None:
        send(sink, message(), ["user@konnect.test", "audit@konnect.test"])
        assert items(sink, "?to=audit@konnect.test")[0]["to"] == ["user@konnect.test", "audit@konnect.test"]

    def test_any_credentials_are_accepted(self, sink: MailSink) -> None:
        with smtplib.SMTP(sink.host, sink.smtp_port, timeout=TIMEOUT_S) as client:
            client.login("mailer", "secret")
            client.send_message(message())
        assert len(items(sink)) == 1

    @pytest.mark.parametrize(
        "raw",
        [
            b"",
            b"no headers at all",
            b"Content-Type: text/plain; charset=no-such-charset\r\n\r\nbody \xff",
            b'To: "unclosed <a@b\r\nFrom: @@\r\nContent-Type: multipart/mixed\r\n\r\nbroken',
            b"Subject: =?utf-8?b?broken?=\r\nContent-Disposition: attachment; filename*=x'y\r\n\r\n",
        ],
    )
    def test_malformed_messages_are_kept(self, sink: MailSink, raw: bytes) -> None:
        with smtplib.SMTP(sink.host, sink.smtp_port, timeout=TIMEOUT_S) as client:
            client.sendmail("a@konnect.test", ["b@konnect.test"], raw)
        [summary] = items(sink)
        assert get(sink, f"/api/messages/{summary['id']}").status_code == 200
        assert get(sink, f"/messages/{summary['id']}").status_code == 200


class TestList:
    def test_newest_first_and_by_recipient(self, sink: MailSink) -> None:
        for number in range(3):
            send(sink, message(f"user{number % 2}@konnect.test", f"mail {number}"))
        assert [item["subject"] for item in items(sink)] == ["mail 2", "mail 1", "mail 0"]
        assert [item["subject"] for item in items(sink, "?to=USER0@konnect.test")] == ["mail 2", "mail 0"]
        assert items(sink, "?to=nobody@konnect.test") == []

    def test_delete(self, sink: MailSink) -> None:
        for to in ("a@konnect.test", "a@konnect.test", "b@konnect.test"):
            send(sink, message(to))
        first = requests.delete(f"{sink.url}/api/messages?to=a@konnect.test", timeout=TIMEOUT_S)
        assert first.json() == {"deleted": 2}
        assert [item["to"] for item in items(sink)] == [["b@konnect.test"]]
        assert requests.delete(f"{sink.url}/api/messages", timeout=TIMEOUT_S).json() == {"deleted": 1}
        assert items(sink) == []

    def test_only_the_newest_are_kept(self) -> None:
        box = mailbox.Mailbox()
        for number in range(mailbox.MAX_MESSAGES + 5):
            box.add(mailbox.parse("a@konnect.test", ["b@konnect.test"], f"Subject: {number}\r\n\r\n".encode()))
        kept = list(box.find())
        assert len(kept) == mailbox.MAX_MESSAGES
        assert (kept[0].subject, kept[-1].subject) == (str(mailbox.MAX_MESSAGES + 4), "5")

    def test_unknown_message(self, sink: MailSink) -> None:
        assert get(sink, "/api/messages/nope").status_code == 404
        assert get(sink, "/messages/nope").status_code == 404


class TestPages:
    def test_list_and_message_escape_what_was_sent(self, sink: MailSink) -> None:
        mail = message(subject="<script>alert(1)</script>")
        mail.add_alternative("<script>alert(2)</script>", subtype="html")
        send(sink, mail)
        [summary] = items(sink)
        for path in ("/", f"/messages/{summary['id']}"):
            page = get(sink, path)
            assert "&lt;script&gt;alert(1)" in page.text
            assert "<script>" not in page.text
        assert 'sandbox=""' in get(sink, f"/messages/{summary['id']}").text
        html = get(sink, f"/messages/{summary['id']}/html")
        assert html.text == "<script>alert(2)</script>\n"
        assert "sandbox" in html.headers["Content-Security-Policy"]

    def test_empty(self, sink: MailSink) -> None:
        assert "none yet" in get(sink, "/").text


class TestLifecycle:
    def test_stop_frees_the_ports_with_a_session_open(self) -> None:
        sink = MailSink(0, 0)
        with background(sink):
            client = smtplib.SMTP(sink.host, sink.smtp_port, timeout=TIMEOUT_S)
        with pytest.raises(smtplib.SMTPServerDisconnected):
            client.noop()
        with background(MailSink(sink.smtp_port, sink.http_port)):
            pass

    def test_a_taken_port_leaves_nothing_listening(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            sink = MailSink(taken.getsockname()[1], 0)
            with pytest.raises(OSError, match="address already in use"), background(sink):
                pass
