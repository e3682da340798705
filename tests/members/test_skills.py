"""Skills: one however they are written."""

import pytest

from konnect.members import referrals, skills


@pytest.mark.parametrize("written", ["Python", "python", " PYTHON ", "Ｐｙｔｈｏｎ"])
def test_one_skill(written: str) -> None:
    assert skills.key(written) == "python"


def test_different_ones() -> None:
    assert len(set(skills.keys(["C", "C++", "C#", "Go", "Machine Learning", "machine  learning"]))) == 5


def test_each_once_as_it_was_written_first() -> None:
    assert skills.distinct(["Guitar", "PYTHON", "guitar", "Python", "Go"]) == ["Guitar", "PYTHON", "Go"]


def test_counts_are_of_the_server() -> None:
    given = [
        {"name": "Go", "level": "expert", "endorsements": 99},
        {"name": "Python", "level": "beginner"},
        {"name": "go", "level": "beginner"},
    ]
    assert skills.with_counts(given, {"python": 2}) == [
        {"name": "Go", "level": "expert", "endorsements": 0},
        {"name": "Python", "level": "beginner", "endorsements": 2},
    ]


def test_referral_codes_can_be_read_aloud() -> None:
    codes = {referrals.code(f"user-{number}") for number in range(200)}
    assert len(codes) == 200
    assert all(len(code) == referrals.SIZE and set(code) <= set(referrals.ALPHABET) for code in codes)
    assert referrals.code("user-1") == referrals.code("user-1")
