"""A certificate: one page across, within a frame, to be hung up.

    content = certificate(
        "Certificate of completion",
        said="This is to certify that",
        name="Asha Rao",
        has="has completed the course",
        what="Sharding from scratch",
        facts=[("Completed on", "5 January 2026"), ("Instructor", "Meera Nair"), ("Number", "7K3M-9QPX-2R4T-8WYZ")],
        note="Whether it is genuine says https://konnect.example/api/v1/certificates/7K3M9QPX2R4T8WYZ.",
        created=now,
    )

The same arguments give the same bytes, as with all documents (pdf.py).
"""

from collections.abc import Sequence
from datetime import datetime

from .pdf import GREY, RULE, Page

ACCENT = (31, 78, 121)
FRAME_MM, INNER_MM = 9, 12
SIDE_MM = 34
LINES_MAX = 2
POINT_MM = 0.46
"""A line's height, by its size."""


def certificate(
    title: str,
    *,
    said: str,
    name: str,
    has: str,
    what: str,
    facts: Sequence[tuple[str, str]],
    note: str,
    created: datetime,
    brand: str = "Konnect",
) -> bytes:
    """The file. `name` and `what` are made smaller until they fit in two lines each."""
    return _Certificate(title, created=created, brand=brand).draw(title, said, name, has, what, facts, note, brand)


class _Certificate(Page):
    def __init__(self, title: str, *, created: datetime, brand: str) -> None:
        super().__init__(title, created=created, brand=brand, landscape=True)
        self._pdf.set_auto_page_break(False)

    def draw(
        self,
        title: str,
        said: str,
        name: str,
        has: str,
        what: str,
        facts: Sequence[tuple[str, str]],
        note: str,
        brand: str,
    ) -> bytes:
        self._frame()
        self._line(26, brand, 13, bold=True, colour=ACCENT)
        self._line(40, title, 30, bold=True)
        self._line(62, said, 12, colour=GREY)
        self._block(68, 30, name, (30, 26, 22, 18, 15), bold=True, colour=ACCENT)
        self._line(100, has, 12, colour=GREY)
        self._block(106, 26, what, (21, 18, 15, 12, 10), bold=True)
        self._facts(148, facts)
        self._line(183, note, 8, colour=GREY)
        return self.bytes()

    def _frame(self) -> None:
        pdf = self._pdf
        pdf.set_draw_color(*ACCENT)
        pdf.set_line_width(1.1)
        pdf.rect(FRAME_MM, FRAME_MM, pdf.w - 2 * FRAME_MM, pdf.h - 2 * FRAME_MM)
        pdf.set_line_width(0.25)
        pdf.rect(INNER_MM, INNER_MM, pdf.w - 2 * INNER_MM, pdf.h - 2 * INNER_MM)

    def _line(self, top_mm: float, text: str, size_pt: float, **style: object) -> None:
        self._block(top_mm, size_pt * POINT_MM, text, (size_pt,), **style)

    def _block(self, top_mm: float, room_mm: float, text: str, sizes_pt: Sequence[float], **style: object) -> None:
        """Text in the middle of a stretch of the page, in the first of the sizes in which it has LINES_MAX lines at
        most; else in the last, cut off there."""
        pdf, shown = self._pdf, self._text(text)
        width = pdf.w - 2 * SIDE_MM
        for size_pt in sizes_pt:
            self._font(size_pt, **style)  # type: ignore[arg-type]
            height = size_pt * POINT_MM
            lines = pdf.multi_cell(width, height, shown, align="C", dry_run=True, output="LINES")
            if len(lines) <= LINES_MAX:
                break
        top_mm += (room_mm - height * min(len(lines), LINES_MAX)) / 2
        for place, line in enumerate(lines[:LINES_MAX]):
            is_cut = place == LINES_MAX - 1 and len(lines) > LINES_MAX
            pdf.set_xy(SIDE_MM, top_mm + place * height)
            pdf.cell(width, height, f"{line.rstrip()}…" if is_cut else line, align="C")

    def _facts(self, top_mm: float, facts: Sequence[tuple[str, str]]) -> None:
        """Side by side, each under a rule, as signatures are."""
        pdf = self._pdf
        gap = 10
        width = (pdf.w - 2 * SIDE_MM + gap) / len(facts) - gap
        pdf.set_draw_color(*RULE)
        for column, (label, value) in enumerate(facts):
            left = SIDE_MM + column * (width + gap)
            shown = self._text(value)
            for size_pt in (11, 9.5, 8):
                self._font(size_pt, bold=True)
                lines = pdf.multi_cell(width, 5, shown, align="C", dry_run=True, output="LINES")
                if len(lines) <= LINES_MAX:
                    break
            # Above the rule, whether it has one line or two.
            for place, line in enumerate(lines[:LINES_MAX]):
                pdf.set_xy(left, top_mm + 5 * (place + LINES_MAX - len(lines[:LINES_MAX])))
                pdf.cell(width, 5, line, align="C")
            pdf.line(left, top_mm + 12, left + width, top_mm + 12)
            self._font(8, colour=GREY)
            pdf.set_xy(left, top_mm + 13)
            pdf.cell(width, 5, self._text(label), align="C")
