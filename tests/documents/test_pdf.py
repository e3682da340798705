from datetime import UTC, datetime

import pypdfium2
import pytest

from konnect.documents.pdf import FAMILY, FONTS, Pdf
from konnect.money import inr

CREATED = datetime(2026, 4, 1, 9, 30, tzinfo=UTC)
ZERO_WIDTH = "\u200b"
NAMES = {
    "NotoSansDevanagari": "क्षितिज श्रीवास्तव",
    "NotoSansBengali": "সৌরভ চট্টোপাধ্যায়",
    "NotoSansGurmukhi": "ਗੁਰਪ੍ਰੀਤ ਸਿੰਘ",
    "NotoSansGujarati": "જિજ્ઞેશ મેવાણી",
    "NotoSansTamil": "கார்த்திக் சுப்ரமணியம்",
    "NotoSansTelugu": "శ్రీనివాస్ రెడ్డి",
    "NotoSansKannada": "ಪ್ರಜ್ವಲ್ ಶೆಟ್ಟಿ",
    "NotoSansMalayalam": "ശ്രീജിത്ത് നായർ",
}


def made(rows: int = 1, name: str = "क्षितिज श्रीवास्तव") -> bytes:
    pdf = Pdf("Tax invoice", "2627/A/000001", created=CREATED)
    pdf.facts([("Billed to", name), ("Seller", "Konnect\nBengaluru"), ("Date", "1 April 2026")])
    lines = [(f"Session number {at}", inr(100_000)) for at in range(1, rows + 1)]
    pdf.table(("Description", "Amount"), lines, aligns="LR", widths=(3, 1))
    pdf.totals([("Taxable value", inr(84_746)), ("Total", inr(10_000_000))])
    pdf.note("No signature is needed.")
    return pdf.bytes()


def text(content: bytes) -> list[str]:
    """What a reader finds on each page."""
    document = pypdfium2.PdfDocument(content)
    return [" ".join(page.get_textpage().get_text_range().replace(ZERO_WIDTH, "").split()) for page in document]


def test_shows_rupees_and_devanagari() -> None:
    (page,) = text(made())
    for shown in (
        "Tax invoice",
        "2627/A/000001",
        "क्षितिज श्रीवास्तव",
        "₹1,000.00",
        "₹1,00,000.00",
        "No signature is needed.",
    ):
        assert shown in page
    assert "Page 1 of 1" in page


def test_shapes_devanagari_beside_latin() -> None:
    content = made(name="Meera श्रीवास्तव")
    # In the first font's own glyphs its conjuncts would fall apart.
    assert b"NotoSansDevanagari" in content
    assert "Meera श्रीवास्तव" in text(content)[0]


def test_repeats_the_head_of_a_long_table() -> None:
    pages = text(made(rows=120))
    assert len(pages) > 2
    for at, page in enumerate(pages, 1):
        assert f"Page {at} of {len(pages)}" in page
        assert ("Description" in page) == ("Session number" in page)
    together = "\n".join(pages)
    assert all(f"Session number {at} " in together for at in range(1, 121))


def test_is_the_same_each_time_and_small() -> None:
    assert made() == made()
    assert len(made()) < 40_000


def test_replaces_what_no_font_has() -> None:
    (page,) = text(made(name="Asha\u00a0Rao \U0001f642\ufe0f 漢"))
    assert "Asha Rao ? ?" in page


@pytest.mark.parametrize("weight", ["Regular", "Bold"])
def test_fonts_have_the_glyphs(weight: str) -> None:
    from fontTools.ttLib import TTFont

    def missing(family: str, characters: str) -> set[str]:
        have = TTFont(FONTS / f"{family}-{weight}.ttf").getBestCmap()
        return {c for c in characters if ord(c) not in have}

    assert missing(FAMILY, "₹−–éÅ") == set()
    for script, name in NAMES.items():
        assert missing(script, name + "।\u200d") == set(), script


@pytest.mark.parametrize(("script", "name"), NAMES.items())
def test_shows_the_scripts_of_india(script: str, name: str) -> None:
    content = made(name=f"Dr {name}")
    assert script.encode() in content
    assert b"NotoSansDevanagari" not in content or script == "NotoSansDevanagari"
    # Readers find a space, or none, where shaping has moved a sign.
    assert f"Dr{name}".replace(" ", "") in text(content)[0].replace(" ", "")


@pytest.mark.parametrize(
    ("paise", "shown"),
    [
        (0, "₹0.00"),
        (5, "₹0.05"),
        (99_999, "₹999.99"),
        (100_000, "₹1,000.00"),
        (9_999_900, "₹99,999.00"),
        (10_000_000, "₹1,00,000.00"),
        (-1_234_567_890, "−₹1,23,45,678.90"),
    ],
)
def test_amounts_are_grouped_as_in_india(paise: int, shown: str) -> None:
    assert inr(paise) == shown
