"""What is kept of a text from people."""

import pytest

from konnect import text

FAMILY, ENGLAND = "👨\u200d👩\u200d👧", "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("नमस्ते", "नमस्ते"),
        ("<b>bold</b> & <script>alert(1)</script>", "<b>bold</b> & <script>alert(1)</script>"),
        ("def f():\n\treturn 1", "def f():\n\treturn 1"),
        ("one\r\ntwo\rthree\u2028four\x85five", "one\ntwo\nthree\nfour\nfive"),
        ("cafe\u0301", "café"),
        ("a\x00b\x1b[31mc\x7fd\x9fe", "ab[31mcde"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("\u2066user\u2069 said", "user said"),
        ("pay\u200bpal\ufeff.c\u2060om\u00ad", "paypal.com"),
        ("क्\u200dष, می\u200cخواهم", "क्\u200dष, می\u200cخواهم"),
        (f"{FAMILY} ❤️ {ENGLAND}", f"{FAMILY} ❤️ {ENGLAND}"),
        ("a\u200d\u200d\u200c\u200db", "a\u200db"),
        ("hi\U000e0068\U000e0069", "hi"),
        ("\u05d0\u200f \u200eabc", "\u05d0\u200f \u200eabc"),
        ("\ufffe\uffff\ufdd0x", "x"),
        ("e\u200b\u0301", "é"),
    ],
)
def test_clean(given: str, kept: str) -> None:
    assert text.clean(given) == kept
    assert text.clean(kept) == kept


def test_half_a_character_is_refused() -> None:
    for given in ("\ud83d", "a\udc00b"):
        with pytest.raises(ValueError, match="Unicode"):
            text.clean(given)


@pytest.mark.parametrize(
    ("given", "blank"),
    [
        ("", True),
        (" \n\t", True),
        ("\u3164\u2800", True),
        ("\u200d\u200e", True),
        (".", False),
        ("❤️", False),
        ("क", False),
    ],
)
def test_is_blank(given: str, blank: bool) -> None:
    assert text.is_blank(given) is blank


def test_a_name_is_one_line() -> None:
    assert text.visible_line("  Meera\n\u202eNair\u200b ") == "Meera Nair"
    with pytest.raises(ValueError, match="empty"):
        text.visible_line("\u200b\u3164")


def test_shortened() -> None:
    assert text.shortened("one\n two", 120) == "one two"
    long = text.shortened("word " * 100, 120)
    assert len(long) == 120
    assert long.endswith("…")
