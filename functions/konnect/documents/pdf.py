"""A document on A4: a title, facts, tables over as many pages as they need, totals, notes.

    pdf = Pdf("Tax invoice", "2627/3/000012", created=now)
    pdf.facts([("Billed to", "Asha Rao"), ("Date", "5 January 2026")])
    pdf.table(("Description", "Amount"), [("Session", "₹1,000.00")], aligns="LR", widths=(3, 1))
    pdf.totals([("Total", "₹1,000.00")])
    pdf.note("Thank you.")
    content = pdf.bytes()

The same calls give the same bytes: its date is the caller's, and nothing in it is random. A script's font is loaded
when the first of its characters comes, and only the glyphs in use are embedded. A character that no font has is shown
as "?".
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

FONTS = Path(__file__).parent / "fonts"
FAMILY = "NotoSans"
SCRIPTS = {
    "NotoSansDevanagari": ((0x0900, 0x0963), (0x0966, 0x097F), (0x1CD0, 0x1CFF), (0xA8E0, 0xA8FF)),
    "NotoSansBengali": ((0x0980, 0x09FF),),
    "NotoSansGurmukhi": ((0x0A00, 0x0A7F),),
    "NotoSansGujarati": ((0x0A80, 0x0AFF),),
    "NotoSansTamil": ((0x0B80, 0x0BFF),),
    "NotoSansTelugu": ((0x0C00, 0x0C7F),),
    "NotoSansKannada": ((0x0C80, 0x0CFF),),
    "NotoSansMalayalam": ((0x0D00, 0x0D7F),),
}
"""The characters of each script. The two signs at 0x0964 end sentences in all of them."""
JOINERS = (0x0964, 0x0965, 0x200C, 0x200D)
"""They stand within a script's words and lines, and are taken from its font."""

MARGIN_MM = 18
LINE_MM = 5.2
GAP_MM = 5
FACTS_A_ROW = 2

INK, GREY, RULE, SHADE = (33, 37, 41), (108, 117, 125), (206, 212, 218), (241, 243, 245)
TEXT_PT, SMALL_PT, TITLE_PT = 9.5, 8, 20
ZERO_WIDTH = (0x200B,)


class Page:
    """A file of pages, and text on them in every script that there is a font for."""

    def __init__(self, title: str, *, created: datetime, brand: str, landscape: bool = False) -> None:
        self._pdf = _sheet(brand, landscape)
        self._scripts: list[str] = []
        self._known: set[int] = set()
        self._load(FAMILY)
        self._pdf.set_creation_date(created)
        self._pdf.set_title(title)
        self._pdf.set_author(brand)
        self._pdf.set_producer(brand)
        self._pdf.add_page()

    def bytes(self) -> bytes:
        """The file. Nothing can be added after it."""
        return bytes(self._pdf.output())

    def _font(self, size_pt: float = TEXT_PT, *, bold: bool = False, colour: tuple[int, int, int] = INK) -> None:
        self._pdf.set_font(FAMILY, "B" if bold else "", size_pt)
        self._pdf.set_text_color(*colour)

    def _text(self, value: str) -> str:
        text = unicodedata.normalize("NFC", value)
        for script in dict.fromkeys(_script(ord(c)) for c in text):
            if script is not None and script not in self._scripts:
                self._scripts.append(script)
                self._load(script)
                self._pdf.set_fallback_fonts(self._scripts)
        return "".join(self._shown(c) for c in text)

    def _load(self, family: str) -> None:
        for style, weight in (("", "Regular"), ("B", "Bold")):
            self._pdf.add_font(family, style, FONTS / f"{family}-{weight}.ttf")
            font = self._pdf.fonts[family.lower() + style]
            if family == FAMILY:
                # It has some Devanagari too, but text in one font is shaped as one: by the script that it begins with.
                for code in [one for one in font.cmap if _script(one) or one in JOINERS]:
                    del font.cmap[code]
            _keep_readable(font.subset)
            self._known.update(font.cmap)

    def _shown(self, character: str) -> str:
        if character == "\n" or ord(character) in self._known:
            return character
        if character.isspace():
            return " "
        return "" if unicodedata.category(character) in {"Cc", "Cf", "Mn"} else "?"


class Pdf(Page):
    def __init__(self, title: str, subtitle: str = "", *, created: datetime, brand: str = "Konnect") -> None:
        """`created`: the document's own date, also its file's. `brand`: who hands it out, on top of the first page and
        at the foot of each."""
        super().__init__(f"{title} {subtitle}".strip(), created=created, brand=brand)
        self._head(self._text(title), self._text(subtitle), self._text(brand))

    def facts(self, rows: Sequence[tuple[str, str]]) -> None:
        """Values under their labels, two side by side. A value may have several lines."""
        pdf = self._pdf
        width = (pdf.epw - GAP_MM * (FACTS_A_ROW - 1)) / FACTS_A_ROW
        for at in range(0, len(rows), FACTS_A_ROW):
            beside = [(self._text(label), self._text(value)) for label, value in rows[at : at + FACTS_A_ROW]]
            self._font()
            heights = [pdf.multi_cell(width, LINE_MM, value, dry_run=True, output="HEIGHT") for _, value in beside]
            self._room(LINE_MM + max(heights))
            top = pdf.y
            for column, (label, value) in enumerate(beside):
                left = pdf.l_margin + column * (width + GAP_MM)
                self._font(SMALL_PT, colour=GREY)
                pdf.set_xy(left, top)
                pdf.cell(width, LINE_MM, label)
                self._font()
                pdf.set_xy(left, top + LINE_MM)
                pdf.multi_cell(width, LINE_MM, value, align="L")
            pdf.set_xy(pdf.l_margin, top + LINE_MM + max(heights) + 2)
        pdf.ln(GAP_MM / 2)

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]], aligns: str, widths: Sequence[float]) -> None:
        """`aligns`: "L", "R" or "C" a column; `widths`: their proportions. The head is repeated on each page; a row
        is never divided between two."""
        from fpdf.enums import TableBordersLayout
        from fpdf.fonts import FontFace

        assert len(head) == len(aligns) == len(widths), "one of each a column"
        names = {"L": "LEFT", "R": "RIGHT", "C": "CENTER"}
        self._font()
        self._pdf.set_draw_color(*RULE)
        with self._pdf.table(
            borders_layout=TableBordersLayout.HORIZONTAL_LINES,
            headings_style=FontFace(family=FAMILY, emphasis="BOLD", color=INK, fill_color=SHADE, size_pt=SMALL_PT),
            text_align=[names[align] for align in aligns],
            col_widths=tuple(widths),
            line_height=LINE_MM,
            padding=(1.4, 2),
            v_align="TOP",
        ) as table:
            for cells in (head, *rows):
                table.row([self._text(cell) for cell in cells])
        self._pdf.ln(GAP_MM / 2)

    def totals(self, rows: Sequence[tuple[str, str]]) -> None:
        """Amounts at the right margin, the last one in bold under a line."""
        pdf = self._pdf
        width = pdf.epw * 0.48
        left = pdf.w - pdf.r_margin - width
        self._room((LINE_MM + 1) * len(rows) + 2)
        for place, (label, value) in enumerate(rows):
            last = place == len(rows) - 1
            if last:
                pdf.set_draw_color(*INK)
                pdf.line(left, pdf.y + 0.5, left + width, pdf.y + 0.5)
                pdf.ln(1.5)
            self._font(TEXT_PT + (1.5 if last else 0), bold=last)
            pdf.set_x(left)
            pdf.cell(width * 0.62, LINE_MM + 1, self._text(label))
            pdf.cell(width * 0.38, LINE_MM + 1, self._text(value), align="R", new_x="LMARGIN", new_y="NEXT")
        pdf.ln(GAP_MM)

    def note(self, text: str) -> None:
        """A paragraph in small print."""
        self._font(SMALL_PT, colour=GREY)
        self._pdf.multi_cell(0, LINE_MM - 0.8, self._text(text), align="L", new_x="LMARGIN", new_y="NEXT")
        self._pdf.ln(GAP_MM / 2)

    def heading(self, text: str) -> None:
        """Over a part of a longer document; kept with the lines that follow it."""
        self._room(LINE_MM * 5)
        self._font(TEXT_PT + 2, bold=True)
        self._pdf.cell(0, LINE_MM + 2.5, self._text(text), new_x="LMARGIN", new_y="NEXT")

    def _head(self, title: str, subtitle: str, brand: str) -> None:
        pdf = self._pdf
        half = pdf.epw / 2
        top = pdf.y
        self._font(TITLE_PT, bold=True)
        pdf.multi_cell(half, TITLE_PT * 0.45, title, align="L", new_x="LMARGIN", new_y="NEXT")
        if subtitle:
            self._font(TEXT_PT + 1, colour=GREY)
            pdf.multi_cell(half, LINE_MM + 0.8, subtitle, align="L", new_x="LMARGIN", new_y="NEXT")
        bottom = pdf.y
        self._font(TEXT_PT + 2, bold=True)
        pdf.set_xy(pdf.l_margin + half, top)
        pdf.multi_cell(pdf.epw - half, LINE_MM + 1.5, brand, align="R", new_x="LMARGIN", new_y="NEXT")
        bottom = max(bottom, pdf.y) + 2.5
        pdf.set_draw_color(*INK)
        pdf.set_line_width(0.4)
        pdf.line(pdf.l_margin, bottom, pdf.w - pdf.r_margin, bottom)
        pdf.set_line_width(0.2)
        pdf.set_xy(pdf.l_margin, bottom + GAP_MM)

    def _room(self, height_mm: float) -> None:
        if self._pdf.will_page_break(height_mm):
            self._pdf.add_page()


def _sheet(brand: str, landscape: bool) -> Any:
    """An empty document with its fonts. fpdf takes most of a second to import, so only who makes a document does."""
    from fpdf import FPDF

    class Sheet(FPDF):
        def footer(self) -> None:
            if landscape:
                # A certificate, of one page.
                return
            self.set_y(-14)
            self.set_font(FAMILY, "", SMALL_PT)
            self.set_text_color(*GREY)
            # The number of pages is put in at the end, when its width can't be measured any more: so on the left.
            self.cell(self.epw / 2, 5, f"Page {self.page_no()} of {{nb}}")
            self.cell(self.epw / 2, 5, brand, align="R")

    sheet: Any = Sheet(orientation="landscape" if landscape else "portrait", format="A4")
    # Vowel signs and conjuncts are placed by the font's own tables.
    sheet.set_text_shaping(True)
    sheet.set_margin(MARGIN_MM)
    sheet.c_margin = 0
    sheet.set_auto_page_break(True, margin=MARGIN_MM + 4)
    return sheet


def _script(code: int) -> str | None:
    """The font of a script other than Latin, Greek and Cyrillic."""
    found = (name for name, ranges in SCRIPTS.items() if any(first <= code <= last for first, last in ranges))
    return next(found, None)


def _keep_readable(subset: Any) -> None:
    """Of a cluster's glyphs the first stands for all of its characters, and fpdf leaves the others without any. Readers
    then take such a glyph's number for a character; so they stand for a space of no width."""
    pick = subset.pick_glyph

    def pick_glyph(glyph: Any) -> int | None:
        return pick(replace(glyph, unicode=ZERO_WIDTH) if glyph is not None and glyph.unicode == () else glyph)

    subset.pick_glyph = pick_glyph
