"""What the mails say, for every type, from the samples that the local previews show."""

import logging
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
import requests

from konnect.notifications import templates, types
from konnect.store import Doc
from local.sandboxes import background
from local.sandboxes.mail import MailSink
from local.sandboxes.mail.previews import NAME, SAMPLES

APP = "https://app.konnect.test"
MAILED = [name for name, sample in SAMPLES.items() if "email" in types.of(sample["type"]).possible]


class Words(HTMLParser):
    """What a reader of the HTML sees, and its balance of tags."""

    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data.split()


@pytest.mark.parametrize("name", MAILED)
def test_every_mail_in_two_forms_that_say_the_same(name: str) -> None:
    sample = SAMPLES[name]
    # As it is sent, without the net below a template that fails.
    assert templates.content(sample)
    subject, text, html = templates.render(sample, name=NAME, app_url=APP)
    assert subject == sample["title"]
    assert text.startswith(f"Hello {NAME},\n\n")
    assert text.endswith("Konnect\n")
    assert "\n\n\n" not in text
    assert max(map(len, text.splitlines())) <= 100
    for left in ("{{", "{%", "None", "Undefined"):
        assert left not in text + html
    words = Words()
    words.feed(html)
    assert words.open == []
    plain = [word for word in text.split() if word != "-" and not word.startswith(APP)]
    # The HTML has the subject as its title and heading, and "Open" for the link.
    shown = [word for word in words.text if word != "Open"]
    assert shown == [*subject.split(), *subject.split(), *plain]
    linked = sample["actionUrl"] is not None
    assert (f'href="{APP}{sample["actionUrl"]}"' in html, f"\n{APP}{sample['actionUrl']}\n" in text) == (linked, linked)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("booking_confirmed", ["With: Asha Rao", "Monday, 5 January 2026 at 15:30 IST", "₹1,000", "GRP-"]),
        ("booking_confirmed/mentor", ["With: Meera Nair", "Monday, 5 January 2026 at 05:00 EST", "Sharding"]),
        (
            "booking_cancelled",
            ["can't make it", "Reason: I have fallen ill.", "Returned to you: ₹1,000", "working days"],
        ),
        ("booking_cancelled/late", ["You have cancelled", "nothing is refunded"]),
        ("booking_reminder", ["at 15:30.", "60 minutes"]),
        ("session_completed", ["one to five stars"]),
        ("message_digest", ["3 messages are", "Meera Nair: 2 unread", "“def f(x): return x”"]),
        ("payment_received", ["Paid: ₹1,000", "fees: ₹220", "share: ₹780"]),
        (
            "payout_processed",
            ["₹12,480.50", "17", "₹126.06", "UTR2026010500123", "29 December 2025 to 4 January 2026"],
        ),
        ("payout_failed", ["withdraw it once more"]),
        ("payout_failed/weekly", ["The account is closed.", "with the next weekly payout"]),
        ("session_not_held/booking", ["did not come", "Returned to you: ₹1,000", "dispute within seven days"]),
        ("dispute_opened", ["With: Meera Nair", "said: The call broke off. Twice.", "read before we decide"]),
        ("dispute_decided", ["Returned to you: ₹500", "Why: Half of the session was held.", "working days"]),
        ("booking_refunded/mentor", ["Taken from your earnings: ₹390"]),
        ("review_received", ["5 of 5", "Clear, patient"]),
        ("mentor_approved", ["Welcome to Konnect!", "tips", "payout details"]),
        ("mentor_rejected", ["The reason: Your work history"]),
        ("application_call_scheduled", ["Monday, 5 January 2026 at 15:30 IST"]),
        ("payout_details_changed", ["ending in 4321", "If this was not you"]),
    ],
)
def test_what_it_says(name: str, said: list[str]) -> None:
    _, text, _ = templates.render(SAMPLES[name], name=NAME)
    text = " ".join(text.split())
    assert [one for one in said if one not in text] == []
    assert "http" not in text


@pytest.mark.parametrize("type", list(types.KINDS))
def test_no_mail_needs_data_that_its_caller_may_not_have(type: str) -> None:
    without: Doc = {"type": type, "title": "T", "message": "M", "data": {}, "actionUrl": None}
    if type in ("application_call_scheduled", "email_changed"):
        # Nothing to say without: the message is in their stead.
        assert "\n\nM\n\n" in templates.render(without, name=None)[1]
    else:
        assert templates.content(without)


def test_data_that_does_not_fit_says_the_message_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    bad = {**SAMPLES["booking_reminder"], "data": {"scheduledAt": "soon"}}
    with caplog.at_level(logging.ERROR, "konnect.notifications"):
        _, text, html = templates.render(bad, name=NAME)
    assert f"\n\n{bad['message']}\n\n" in text
    assert bad["message"] in html
    assert [record.message for record in caplog.records] == ["mail template failed"]


def test_people_s_words_stay_words() -> None:
    evil = {**SAMPLES["mentor_rejected"], "data": {"reason": "<script>alert(1)</script>\n\n- a\n- b"}}
    _, _, html = templates.render(evil, name="<b>Meera</b>", app_url='https://x"onclick="')
    assert not re.search(r"<script|<b>|\"onclick", html)


@pytest.mark.parametrize(
    ("amount", "shown"), [(0, "₹0"), (780, "₹780"), (1000.5, "₹1,000.50"), (100000, "₹1,00,000"), (1e7, "₹1,00,00,000")]
)
def test_rupees(amount: float, shown: str) -> None:
    template = templates._environment().from_string("{{ amount | rupees }}")
    assert template.render(amount=amount) == shown


class TestPreviews:
    @pytest.fixture(scope="class")
    def url(self) -> Iterator[str]:
        sink = MailSink(0, 0, app_url=APP)
        with background(sink):
            yield sink.url

    def test_the_page_shows_every_type(self, url: str) -> None:
        page = requests.get(f"{url}/previews", timeout=60).text
        assert [name for name in SAMPLES if f'<h2 id="{name}">' not in page] == []
        assert [name for name in MAILED if f'src="/previews/html/{name}"' not in page] == []
        assert "/previews" in requests.get(f"{url}/", timeout=60).text

    def test_each_as_it_is_sent(self, url: str) -> None:
        for name in MAILED:
            shown = requests.get(f"{url}/previews/html/{name}", timeout=60)
            assert shown.text == templates.render(SAMPLES[name], name=NAME, app_url=APP)[2]
            assert "default-src 'none'" in shown.headers["Content-Security-Policy"]
        assert requests.get(f"{url}/previews/html/none", timeout=60).status_code == 404
