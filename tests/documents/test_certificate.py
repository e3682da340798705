from datetime import UTC, datetime

import pypdfium2

from konnect.documents.certificate import certificate

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)


def drawn(name: str, what: str) -> bytes:
    facts = [("Completed on", "21 November 2026"), ("Instructor", "Meera Nair"), ("Number", "7K3M-9QPX-2R4T-8WYZ")]
    texts = {"said": "This is to certify that", "has": "has completed the course", "note": "https://konnect.test/c"}
    return certificate("Certificate of completion", name=name, what=what, facts=facts, created=NOW, **texts)


def words(content: bytes) -> list[str]:
    document = pypdfium2.PdfDocument(content)
    assert len(document) == 1
    page = document[0]
    assert page.get_width() > page.get_height()
    found: list[str] = page.get_textpage().get_text_range().split()
    return found


def test_one_page_that_says_it_all() -> None:
    content = drawn("Asha Rao", "Sharding from scratch")
    said = words(content)
    for text in ("Certificate", "Asha", "Rao", "Sharding", "21", "November", "2026", "Meera", "7K3M-9QPX-2R4T-8WYZ"):
        assert text in said
    assert drawn("Asha Rao", "Sharding from scratch") == content


def test_what_is_too_long_is_made_smaller_and_then_cut_off() -> None:
    said = words(drawn("आशा राव " * 5, "A very long title of a course about queues. " * 12))
    assert said.count("queues.") < 12
    assert any(word.endswith("…") for word in said)
    assert "7K3M-9QPX-2R4T-8WYZ" in said
