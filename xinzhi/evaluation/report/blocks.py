"""What a report is made of, before it becomes Markdown or a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from markupsafe import Markup

Bar = tuple[float | None, Sequence[float] | None]  # a score from 0 to 1, and its interval


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    kind: ClassVar[str] = "text"
    text: str


@dataclass(frozen=True)
class Table:
    """A table; cells are text, the first column is left-aligned.

    columns (list): Their names.
    rows (list): The cells.
    title (str): What stands above.
    summary (list): Rows below a line.
    bars (list): For each row and summary row a score to draw; no bars at all if empty.
    note (str): What stands below.
    words (int): How many of the columns hold words, from the left.
    """

    kind: ClassVar[str] = "table"
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    title: str = ""
    summary: Sequence[Sequence[str]] = ()
    bars: Sequence[Bar | None] = ()
    note: str = ""
    words: int = 1


@dataclass(frozen=True)
class Matrix:
    """Counts of gold against predicted, darker the more of the row they are.

    rows, columns (list): Names.
    cells (list): Numbers, a list for each row.
    marks (list): Second numbers, shown small; the same shape, or empty.
    """

    kind: ClassVar[str] = "matrix"
    title: str
    rows: Sequence[str]
    columns: Sequence[str]
    cells: Sequence[Sequence[int]]
    marks: Sequence[Sequence[int]] = ()
    note: str = ""

    def share(self, row: int, column: int) -> float:
        """RETURNS (float): The cell's share of its row."""
        total = sum(self.cells[row])
        return self.cells[row][column] / total if total else 0.0


@dataclass(frozen=True)
class Chart:
    """A picture.

    title (str): What it shows.
    svg (Markup): The picture.
    legend (list): Name of each series and its style class.
    note (str): What stands below.
    """

    title: str
    svg: Markup
    legend: Sequence[tuple[str, str]] = ()
    note: str = ""


@dataclass(frozen=True)
class Charts:
    """Pictures side by side."""

    kind: ClassVar[str] = "charts"
    charts: Sequence[Chart]
    wide: bool = False


@dataclass(frozen=True)
class Cards:
    """The main numbers: name, value, and what to know about it."""

    kind: ClassVar[str] = "cards"
    cards: Sequence[tuple[str, str, str]]


@dataclass(frozen=True)
class Documents:
    """Texts with gold and predicted annotation side by side; see `worst.worst_documents`."""

    kind: ClassVar[str] = "documents"
    documents: Sequence[Mapping[str, Any]]
    colours: Mapping[str, int]


@dataclass(frozen=True)
class Beside:
    """Blocks side by side, if there is room."""

    kind: ClassVar[str] = "beside"
    blocks: Sequence[Table | Matrix | Charts]


Block = Text | Table | Matrix | Charts | Cards | Documents | Beside


@dataclass(frozen=True)
class Section:
    """A part of the report with a heading.

    anchor (str): Its name in links.
    """

    anchor: str
    title: str
    blocks: list[Block] = field(default_factory=list)


def number(value: float | None) -> str:
    """RETURNS (str): Four decimals; "n/a" for None."""
    return "n/a" if value is None else f"{value:.4f}"


def percent(value: float | None) -> str:
    """RETURNS (str): Per cent with one decimal; "n/a" for None."""
    return "n/a" if value is None else f"{100 * value:.1f} %"


def interval(ends: Sequence[float] | None) -> str:
    """RETURNS (str): Both ends with three decimals; "n/a" for None."""
    return "n/a" if ends is None else f"{ends[0]:.3f} to {ends[1]:.3f}"
