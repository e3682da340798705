"""What is one emoji."""

import pytest

from konnect.messaging import emoji


@pytest.mark.parametrize("one", ["👍", "👍🏽", "👨‍👩‍👧", "🇮🇳", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "🤷🏽‍♀", "🫡", "🙏", "✅"])
def test_one(one: str) -> None:
    assert emoji.normal(one) == one


@pytest.mark.parametrize(("given", "kept"), [("❤️", "❤"), ("1️⃣", "1⃣"), ("🏳️‍🌈", "🏳‍🌈")])
def test_the_variation_selector_makes_no_difference(given: str, kept: str) -> None:
    assert emoji.normal(given) == emoji.normal(kept) == kept


@pytest.mark.parametrize(
    "other", ["", "a", "1", "👍👍", "👍a", " 👍", "🇮", "<b>", "\u200d", "नी", "👍\u200d", "👍" + "🏽" * 2]
)
def test_nothing_else(other: str) -> None:
    assert emoji.normal(other) is None
