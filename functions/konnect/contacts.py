"""Mail addresses and phone numbers in texts, put out of sight: people who meet here are reached here.

In prose also what is written to get past that: "meera at gmail dot com", spaced digits, digits as words. Code, between
backquotes or in a block of its own, keeps whatever could be part of a program: only an address as it is written, a
number with India's code, and ten digits in a row that begin like an Indian mobile's are taken out of it.
"""

import re
import unicodedata

MAIL_HIDDEN = "[mail address hidden]"
PHONE_HIDDEN = "[phone number hidden]"

# Marks, and not `\W`: that takes the vowel signs of Indian scripts as well.
_FRAME = r"[\s!-/:-@\[-`{-~–—•·]*"
_PLACE = f"(?:{re.escape(MAIL_HIDDEN)}|{re.escape(PHONE_HIDDEN)})"
_HIDDEN = re.compile(f"{_FRAME}{_PLACE}(?:{_FRAME}{_PLACE})*{_FRAME}")
_CODE = re.compile(r"(```.*?(?:```|\Z)|`[^`\n]+`)", re.DOTALL)
_PROVIDERS = "gmail|googlemail|yahoo|ymail|outlook|hotmail|live|rediffmail|rediff|icloud|proton|protonmail|zoho"
_DOMAINS = "com|net|org|in|co|io|dev|me|ai|app|edu|gov|info|biz|tech|xyz|online|pro|live|uk|us|ca|au|de|fr|eu|sg|ae"
_NOT_NAMES = "the|a|an|this|that|each|every|any|which|these|those"

_MAIL = re.compile(
    r"(?<![\w.+-])[\w.+-]{1,64}[@＠](?=[\d-]{0,60}[^\W\d])(?:[\w-]{1,63}[.．。｡]){1,5}[^\W\d_]{2,24}(?![\w(])(?!:\S)"
)
_MAIL_IN_CODE = re.compile(_MAIL.pattern.replace(r"[^\W\d_]{2,24}", f"(?:{_DOMAINS})"), re.IGNORECASE)
_AT = r"\s*[\[({<]\s*(?:at|@)\s*[\])}>]\s*"
_DOT = r"(?:\s*[\[({<]\s*(?:dot|\.)\s*[\])}>]\s*|\s+dot\s+|\s*\.\s*)"
_SPELT = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # meera (at) example (dot) com, meera[at]example.com
        rf"(?<![\w.+-])[\w.+-]{{1,64}}{_AT}[\w-]{{1,63}}{_DOT}(?:co{_DOT})?[a-z]{{2,12}}\b",
        # meera at example dot com, meera@example dot com
        rf"(?<![\w.+-])[\w.+-]{{1,64}}(?:\s+at\s+|\s*@\s*)(?!(?:{_NOT_NAMES})\b)[\w-]{{1,63}}\s+dot\s+(?:co\s+dot\s+)?(?:{_DOMAINS})\b",
        # meera at gmail.com, meera at gmail com, meera @ gmail . com
        rf"(?<![\w.+-])[\w.+-]{{1,64}}(?:\s+at\s+|\s*@\s*)(?:{_PROVIDERS})(?:\s*\.\s*|\s+)(?:com|in|co\.in|me)\b",
    )
)

# What may stand between the digits of a number: space, marks, what joins or frames digits without being seen as such.
_GAP = r"[\s.\-‐-―_()/*·•|\u200c\u200d\ufe0f\u20e3]{0,4}"
_MOBILE = re.compile(
    rf"(?<![\d.,₹$])(?<!0[xX])(?P<country>(?:\+|00)?91{_GAP}|\(?\+91\)?{_GAP})?(?P<number>(?:0{_GAP})?\d(?:{_GAP}\d){{9}})(?!\d)[\ufe0f\u20e3]{{0,2}}"
)
_ABROAD = re.compile(rf"(?<![\w+])(?:\+|00)[1-9](?:{_GAP}\d){{9,14}}(?!\d)")
_LANDLINE = re.compile(r"(?<![\d.,₹$/-])\(?0\d{2,4}\)?[\s\-–]{1,3}\d{3,4}[\s\-–]?\d{4}(?![\d/.-]?\d)")
_MOBILE_IN_CODE = re.compile(
    r"(?<![\w.+])(?:(?:\+|00)91[ -]?)?\d{5}(?:(?<=91\d{5})|(?<=91[ -]\d{5}))[ -]?\d{5}(?!\w)|(?<![\w.])\d{10}(?![\w.])"
)
_GROUPS = {
    (10,), (5, 5), (3, 3, 4), (4, 3, 3), (3, 4, 3), (4, 2, 4), (2, 4, 4), (4, 4, 2), (3, 7), (4, 6), (6, 4), (7, 3),
    (5, 2, 3), (5, 3, 2), (2, 3, 5), (2, 4, 2, 2), (4, 2, 2, 2), (2, 2, 2, 2, 2), (1,) * 10,
}  # fmt: skip
"""How people group ten digits: not how dates, prices and lists of numbers are."""
_LONG_LISTS = {(2, 2, 2, 2, 2), (1,) * 10}
"""Part of a longer list of numbers, these are no phone number."""
_DIGIT = "zero|oh|one|two|three|four|five|six|seven|eight|nine"
_SPOKEN = re.compile(
    rf"\b(?:(?:double|triple)\s+)?(?:six|seven|eight|nine)(?:[\s,.-]+(?:(?:double|triple)\s+)?(?:{_DIGIT})){{7,}}\b",
    re.IGNORECASE,
)


def masked(value: str, *, code: bool = False) -> str:
    """A text with its mail addresses and phone numbers replaced. `code`: all of it is a program."""
    if code:
        return _in_code(value)
    parts = _CODE.split(value)
    # Of a split by one group, each second part is what was between.
    return "".join(_in_code(part) if number % 2 else _in_prose(part) for number, part in enumerate(parts))


def name(value: str) -> str:
    """A person's name without them, and without what framed them; "" for one that was nothing else."""
    return " ".join(_HIDDEN.sub(" ", masked(value)).split())


def _in_prose(value: str) -> str:
    value = _MAIL.sub(MAIL_HIDDEN, value)
    for spelt in _SPELT:
        value = spelt.sub(MAIL_HIDDEN, value)
    if sum(character.isdigit() for character in value) >= 10:
        value = _MOBILE.sub(_mobile, value)
        value = _ABROAD.sub(PHONE_HIDDEN, value)
        value = _LANDLINE.sub(lambda found: PHONE_HIDDEN if len(_digits(found[0])) == 11 else found[0], value)
    return _SPOKEN.sub(_spoken, value)


def _in_code(value: str) -> str:
    value = _MAIL_IN_CODE.sub(lambda found: found[0] if found[0].startswith("git@") else MAIL_HIDDEN, value)
    return _MOBILE_IN_CODE.sub(lambda found: PHONE_HIDDEN if _is_mobile(_digits(found[0])[-10:]) else found[0], value)


def _mobile(found: re.Match[str]) -> str:
    country, number = found["country"] or "", found["number"]
    digits = _digits(number)
    local = digits.removeprefix("0") if len(digits) == 11 else digits
    if len(local) != 10 or not _is_mobile(local):
        return found[0]
    groups = tuple(len(run) for run in re.findall(r"\d+", re.sub("[\ufe0f\u20e3\u200c\u200d]", "", number)))
    if len(digits) == 11:
        # The trunk's 0 may stand by itself.
        groups = groups[1:] if groups[0] == 1 else (groups[0] - 1, *groups[1:])
    if not country and groups not in _GROUPS:
        return found[0]
    text, begin, end = found.string, found.start(), found.end()
    is_listed = re.search(r"\d[\s,]{1,2}$", text[max(0, begin - 3) : begin]) or re.match(
        r"[\s,]{1,2}\d", text[end : end + 3]
    )
    if not country and groups in _LONG_LISTS and is_listed:
        return found[0]
    return PHONE_HIDDEN


def _spoken(found: re.Match[str]) -> str:
    words = re.findall(r"[a-z]+", found[0].lower())
    count = sum({"double": 1, "triple": 2}.get(word, 1) for word in words)
    return PHONE_HIDDEN if count >= 10 else found[0]


def _digits(value: str) -> str:
    """In any script, as ASCII."""
    return "".join(str(unicodedata.digit(one)) for one in value if one.isdigit() and unicodedata.digit(one, -1) >= 0)


def _is_mobile(ten: str) -> bool:
    return len(ten) == 10 and ten[0] in "6789"
