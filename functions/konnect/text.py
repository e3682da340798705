"""Text from people: plain text, never HTML. It is cleaned once, before it is stored, of what is not to be seen or what
makes other text look different from what it is; tags stay, since experts teach code: whoever shows a text sets it as
text (`textContent`, React's own way), never as markup.
"""

import re
import unicodedata
from typing import Any

PLAIN: dict[str, Any] = {"contentMediaType": "text/plain"}
"""What a text's JSON schema says of it."""

_SURROGATES = re.compile("[\ud800-\udfff]")
_BREAKS = re.compile("\r\n|[\r\x85\u2028\u2029]")
_UNSEEN = re.compile(
    # Controls but newline and tab, soft hyphens, zero-width spaces, bidirectional embeddings, overrides and isolates,
    # invisible operators, byte order marks, annotations, noncharacters. Left-to-right marks and joiners stay: scripts
    # need them.
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u180e\u200b\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufdd0-\ufdef\ufffe\uffff]"
)
_TAGS = re.compile("(\U0001f3f4[\U000e0020-\U000e007e]{2,6}\U000e007f)|[\U000e0000-\U000e007f]")
"""Tag characters, which nobody sees, but where they make a flag."""
_JOINERS = re.compile("([\u200c\u200d])[\u200c\u200d]+")
_BLANK = re.compile("[\u115f\u1160\u2800\u3164\uffa0]")
"""Letters and symbols without an image."""


def clean(value: str) -> str:
    """A text as it is stored: NFC, lines ended by a newline, nothing unseen but the joiners that Indian scripts and
    emoji need. Raises ValueError for half a character (a lone surrogate)."""
    if _SURROGATES.search(value):
        raise ValueError("must be valid Unicode")
    value = _UNSEEN.sub("", _BREAKS.sub("\n", value))
    return unicodedata.normalize("NFC", _JOINERS.sub(r"\1", _TAGS.sub(r"\1", value)))


def line(value: str) -> str:
    """The same on one line, without space around it: a name."""
    return " ".join(clean(value).split())


def visible_line(value: str) -> str:
    """The same, for a validator. Raises ValueError also if there is nothing to see in it."""
    if is_blank(value := line(value)):
        raise ValueError("must not be empty")
    return value


def is_blank(value: str) -> bool:
    """Whether there is nothing to see in it."""
    return not any(unicodedata.category(one)[0] not in "CZM" for one in _BLANK.sub("", value))


def shortened(value: str, limit: int) -> str:
    """The beginning of a text, on one line, at most `limit` characters."""
    value = " ".join(value.split())
    return value if len(value) <= limit else value[: limit - 1].rstrip("\u200d") + "…"
