"""What the sections answer: tables of results, with what was found to be wrong."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Table:
    """Rows of text under `columns`; `note` says how it was measured, `failures` what must not be so."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    note: str = ""
    failures: list[str] = field(default_factory=list)


def ms(seconds: float) -> str:
    """Milliseconds, with a decimal where it tells something."""
    value = seconds * 1000
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}"


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def percentile(values: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def ratio(values: Sequence[float], base: Sequence[float]) -> str:
    """The median of the ratios of pairs that were measured one after the other."""
    return f"{median([value / other for value, other in zip(values, base, strict=True)]):.2f}"
