"""Files through the running stack, as clients send them: a page in Chromium, and a program."""

import requests

from tests import people
from tests.clients.browser import BrowserClients

PDF = "%PDF-1.7 twenty years of it"


def test_a_page_sends_and_reads_a_file(stack_env: dict[str, str], browser: BrowserClients) -> None:
    meera = people.person(stack_env, "Meera")
    form = {"purpose": "resume", "contentType": "application/pdf", "size": len(PDF), "fileName": "cv.pdf"}
    upload = meera.post("/api/uploads", form)

    def send(headers: dict[str, str]) -> int | None:
        sent = browser.fetch(upload["url"], method="PUT", headers=headers, text=PDF)
        status: int | None = sent["status"]
        return status

    # Another type is refused by its signature, another header by the browser, after the preflight.
    assert send({**upload["headers"], "Content-Type": "text/html"}) == 403
    assert send({**upload["headers"], "x-goog-acl": "public-read"}) is None
    assert send(upload["headers"]) == 200
    assert send(upload["headers"]) == 412
    meera.post("/api/experts/register", {"name": "Meera", "title": "Coach", "resumeUrl": upload["fileUrl"]})
    link = meera.get("/api/experts/me/resume")["url"]
    assert browser.fetch(link)["text"] == PDF
    assert browser.fetch(upload["fileUrl"])["status"] == 403


def test_more_than_ten_megabytes(stack_env: dict[str, str]) -> None:
    meera = people.person(stack_env, "Meera")
    form = {"purpose": "photo", "contentType": "image/png", "size": 100, "fileName": "me.png"}
    upload = meera.post("/api/uploads", form)
    whole = b"\x89PNG" + bytes(upload["maxBytes"] - 4)
    sent = [
        requests.put(upload["url"], data=data, headers=upload["headers"], timeout=60) for data in (whole + b"x", whole)
    ]
    assert [answer.status_code for answer in sent] == [400, 200]
    assert "<Code>EntityTooLarge</Code>" in sent[0].text
    assert len(requests.get(upload["fileUrl"], timeout=60).content) == upload["maxBytes"]
