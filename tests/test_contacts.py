"""Which mail addresses and phone numbers are put out of sight, and what is left as it is."""

import time

import pytest

from konnect.contacts import MAIL_HIDDEN, PHONE_HIDDEN, masked

PHONES = """
9876543210
09876543210
0 98765 43210
+919876543210
+91 98765 43210
+91-98765-43210
(+91) 9876543210
0091 9876543210
91 9876543210
98765 43210
98765-43210
987 654 3210
9 8 7 6 5 4 3 2 1 0
9-8-7-6-5-4-3-2-1-0
98 76 54 32 10
98765.43210
९८७६५४३२१०
９８７６５４３२१०
9️⃣8️⃣7️⃣6️⃣5️⃣4️⃣3️⃣2️⃣1️⃣0️⃣
+1 (415) 555-2671
+44 20 7946 0958
022-2345 6789
(022) 2345 6789
080 2345 6789
nine eight seven six five four three two one zero
nine eight double seven six five four three two one
`9876543210`
""".strip().splitlines()

MAILS = """
asha@example.com
asha.rao+x@mail.example.co.in
ASHA@EXAMPLE.COM
asha＠example.com
asha@example．com
asha＠mail。example｡com
asha at gmail dot com
Asha AT Gmail DOT Com
asha (at) gmail (dot) com
asha[at]example.com
asha at gmail.com
asha@gmail dot com
asha @ gmail . com
asha at example dot co dot in
`asha@example.com`
""".strip().splitlines()

KEPT = """
₹2,500
Rs. 7500.00, not 8500
7000 8000 9000
2026-01-05 10:30
05-01-2026 10:30
on 9.12.2026 at 10:30
09-12-2026 100 rupees
2026-11-21T07:25:12Z
epoch 1700000000 or 1700000000000
9, 8, 7, 6, 5, 4, 3, 2, 1, 0
input: 9 8 7 6 5 4 3 2 1 0 11 12
`[9 8 7 6 5 4 3 2 1 0]`
modulo 1000000007 and 998244353
0x9876543210
9.876543210
8.8.8.8 and 192.168.100.200:8080
GRP-20260105-ABC
one two three four five six seven eight nine
look at the dot product
look at github.com
@app.route("/x")
react@18.2.0
`y = x@self.weights`
git@github.com:asha/course.git
it is at index 9876
""".strip().splitlines()


@pytest.mark.parametrize("number", PHONES)
def test_phone_numbers(number: str) -> None:
    hidden = masked(number).replace("`", "")
    assert hidden == PHONE_HIDDEN
    assert masked(f"call {number}, at five") == f"call {masked(number)}, at five"


@pytest.mark.parametrize("address", MAILS)
def test_mail_addresses(address: str) -> None:
    assert masked(address).replace("`", "") == MAIL_HIDDEN
    assert masked(f"({address})") == f"({masked(address)})"


@pytest.mark.parametrize("text", KEPT)
def test_what_is_neither_stays(text: str) -> None:
    assert masked(text) == text


def test_several_in_one_text() -> None:
    text = "On 05-01-2026 9876543210 or 9123456780,\nelse asha@example.com."
    assert masked(text) == f"On 05-01-2026 {PHONE_HIDDEN} or {PHONE_HIDDEN},\nelse {MAIL_HIDDEN}."
    assert masked(masked(text)) == masked(text)


def test_a_program_keeps_what_may_be_part_of_it() -> None:
    code = 'data = [9, 8, 7]\nline = "98765 43210"\ny = x@self.weights  # 98 76 54 32 10\nport = 98765_43210\n'
    assert masked(code, code=True) == code
    assert masked(f"Look:\n```\n{code}```") == f"Look:\n```\n{code}```"
    assert masked('me = "asha@example.com"  # +91 98765 43210, 9876543210', code=True) == (
        f'me = "{MAIL_HIDDEN}"  # {PHONE_HIDDEN}, {PHONE_HIDDEN}'
    )


@pytest.mark.parametrize("part", ["a", "1 ", "9", "a at ", "(at)", "a.b-", "nine ", "0 ", "a@", "9.", "`", "+1", " "])
def test_no_text_takes_long(part: str) -> None:
    text = part * (20_000 // len(part))
    began = time.process_time()
    masked(text)
    masked(text, code=True)
    assert time.process_time() - began < 1
