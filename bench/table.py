"""Figures: repeated measurements, and a plain table of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from rich.console import Console
from rich.table import Table

console = Console(width=120)


@dataclass(frozen=True, slots=True)
class Figure:
    """Measurements of one thing, in one unit."""

    values: Sequence[float]

    @property
    def median(self) -> float:
        return median(self.values)

    def spread(self, digits: int) -> str:
        """The median and the range, with so many digits."""
        return f"{self.median:,.{digits}f} ({min(self.values):,.{digits}f}-{max(self.values):,.{digits}f})"

    def __str__(self) -> str:
        return self.spread(0)


def ratio(ours: Figure, theirs: Figure) -> Figure:
    """Pair by pair, since the machine's speed drifts between rounds."""
    return Figure([a / b for a, b in zip(ours.values, theirs.values, strict=True)])


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], note: str) -> None:
    table = Table(title=title, title_justify="left", caption=note, caption_justify="left")
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index == 0 else "right")
    for row in rows:
        table.add_row(*row)
    console.print(table)
    console.print()
