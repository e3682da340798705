"""Rows of a table, in and out: what spreadsheets really write, and what they must not run."""

import pytest

from konnect.admin.mentors import csv_rows
from konnect.admin.mentors.csv_rows import COLUMNS, list_of, of_records, read, write
from konnect.errors import BadRequest

MENTOR = {
    "id": "a1",
    "email": "asha@konnect.test",
    "name": "Asha",
    "title": "Engineer",
    "experience": 0,
    "pricePerMin": 15.0,
    "specialties": ["System Design"],
    "available": False,
}


def cells(text: str | bytes) -> list[dict[str, str]]:
    return [row.cells for row in read(text.encode() if isinstance(text, str) else text)]


class TestRoundTrip:
    @pytest.mark.parametrize(
        "value",
        [
            "=HYPERLINK(1)",
            "+91 98765 43210",
            "-1",
            "@cmd",
            "\tx",
            "'=quoted",
            "''+twice",
            "＝1+1",
            'says "hi", twice',
            "two\nlines",
            "two\r\nlines",
            "a;b|c",
            "ünï ನಮಸ್ಕಾರ 🙂",
            "'tis",
            "",
        ],
    )
    def test_a_text(self, value: str) -> None:
        [read_back] = cells(write([{**MENTOR, "bio": value}]))
        assert read_back["bio"] == value

    @pytest.mark.parametrize(
        "items",
        [[], ["one"], ["C++", "C#"], ["AI, ML", "a;b", "c|d", "back\\slash", "end\\"], ["=cmd", "+x"], ["two\nlines"]],
    )
    def test_a_list(self, items: list[str]) -> None:
        [read_back] = cells(write([{**MENTOR, "specialties": items}]))
        assert list_of(read_back["specialties"]) == items

    def test_nothing_that_begins_a_formula_begins_a_cell(self) -> None:
        text = write([dict.fromkeys(COLUMNS, start + "1+1") for start in "=+-@\t\r"])
        for line in text.splitlines()[1:]:
            assert not any(cell[:1] in "=+-@\t\r" for cell in line.strip('"').split('","') if cell)

    def test_excel_finds_it_to_be_utf_8_and_every_cell_quoted(self) -> None:
        text = write([MENTOR])
        assert text.startswith('\ufeff"id","email"')
        assert '"0","15","System Design"' in text


class TestRead:
    @pytest.mark.parametrize(
        "data",
        [
            b"email,name\nx@y.z,Asha\n",
            b"email;name\r\nx@y.z;Asha",
            b"email\tname\nx@y.z\tAsha\n",
            b"sep=;\r\nemail;name\r\nx@y.z;Asha\r\n",
            b'\xef\xbb\xbf"email","name"\n"x@y.z","Asha"\n',
            "email\tname\nx@y.z\tAsha".encode("utf-16"),
            b"E-Mail , Name,\nx@y.z,Asha,\n\n,,\n",
        ],
    )
    def test_the_forms_of_a_file(self, data: bytes) -> None:
        assert cells(data) == [{"email": "x@y.z", "name": "Asha"}]

    def test_rows_are_numbered_as_the_spreadsheet_numbers_them(self) -> None:
        text = 'email,bio\na@b.c,"two\nlines"\n\nd@e.f,x\n'
        assert [row.number for row in read(text.encode())] == [2, 4]

    def test_a_header_as_people_write_it(self) -> None:
        assert cells("Email,Price per min,LinkedIn URL\nx@y.z,15,u\n") == [
            {"email": "x@y.z", "pricePerMin": "15", "linkedinUrl": "u"}
        ]

    def test_numbers_of_a_sheet_are_texts(self) -> None:
        [row] = of_records([["email", "pricePerMin", "experience", "phone"], ["x@y.z", 12.5, 7.0, 919876543210], []])
        assert (row.cells["pricePerMin"], row.cells["experience"], row.cells["phone"]) == ("12.5", "7", "919876543210")

    def test_a_shifted_row_shows(self) -> None:
        [row] = read(b"email,name\nx@y.z,Rao, Asha\n")
        assert "" in row.cells

    @pytest.mark.parametrize(
        ("data", "code"),
        [
            (b"", "INVALID_CSV"),
            (b"\n \n", "INVALID_CSV"),
            (b"\xff\xfe\x00", "INVALID_CSV"),
            (b"email,name\n\xe9@y.z,x\n", "INVALID_CSV"),
            (b'email,name\n"x@y.z,x\n', "INVALID_CSV"),
            (b"email," + b"x" * csv_rows.MAX_BYTES, "INVALID_CSV"),
            (b"name\nAsha\n", "INVALID_CSV"),
            (b"email,salary\n", "INVALID_CSV"),
            (b"email,name,Name\n", "INVALID_CSV"),
            (b"email\n" + b"x@y.z\n" * (csv_rows.MAX_ROWS + 1), "TOO_MANY_ROWS"),
        ],
    )
    def test_refused(self, data: bytes, code: str) -> None:
        with pytest.raises(BadRequest) as refused:
            read(data)
        assert refused.value.code == code
