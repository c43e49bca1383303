"""CSV and TSV for classes and scores; see _table.py for the columns."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from ..record import Problem, Record
from ._base import ReadOptions, Sample, WriteOptions
from ._json import Invalid
from ._table import Columns, header_for, read_rows, row_for
from ._text import MAX_LINE, open_new, read_lines

DELIMITERS = ("\t", ",", ";")


class CsvFormat:
    """Reads CSV and TSV, writes CSV. `CSV` is the registered instance."""

    name = "csv"
    help = "CSV or TSV for classes and scores: a header, one text per row"
    holds = frozenset({"cats", "soft", "scores", "meta", "id", "annotator"})
    suffix = ".csv"

    def sniff(self, sample: Sample) -> float:
        """By its suffix, or a header that names a text."""
        first = sample.lines[0] if sample.lines else ""
        named = sample.suffix in (".csv", ".tsv")
        try:
            header = next(csv.reader([first], delimiter=delimiter_of(first)), [])
            Columns.of([cell.strip() for cell in header], ReadOptions())
        except (Invalid, csv.Error):
            return 0.2 * named
        return 0.7 if named else 0.3 * (len(header) > 1)

    def read(self, path: Path, options: ReadOptions) -> Iterator[Record | Problem]:
        """Stream the rows of the file."""
        yield from read_rows(_rows(path, options), path, options)

    def write(
        self,
        records: Iterable[Record],
        path: Path,
        options: WriteOptions,
        lose: Callable[[Problem], None],
    ) -> None:
        """A header, then one row per record, with a byte order mark: Excel needs it."""
        header = header_for(options.metas, options)
        with open_new(path) as file:
            file.write("\ufeff")
            writer = csv.writer(file)
            writer.writerow(header)
            for record in records:
                writer.writerow(row_for(record, header))


CSV = CsvFormat()


def delimiter_of(header: str) -> str:
    """RETURNS (str): The character that separates the columns of a header."""
    return next((char for char in DELIMITERS if char in header), ",")


def _rows(path: Path, options: ReadOptions) -> Iterator[tuple[int, list[str]] | Problem]:
    """The rows of a file. A row that is broken (a quote that is never closed swallows all the
    rest) costs its first line only: reading goes on with the next."""
    lines = _Lines(path, options)
    first = next(lines, "")
    lines.put_back(1)
    delimiter = delimiter_of(first)
    csv.field_size_limit(MAX_LINE)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    width = 0
    while True:
        lines.start_row()
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error as err:
            lines.put_back(len(lines.row) - 1)
            cells = lines.row[0].rstrip("\r\n").split(delimiter)
            if delimiter != "\t" or len(cells) != width:
                yield Problem(f"malformed row: {err}", path, lines.start)
                continue
        if width and len(cells) != width:
            lines.put_back(len(lines.row) - 1)
        width = width or len(cells)
        yield lines.start, cells
        yield from lines.take_problems()
    yield from lines.take_problems()


class _Lines:
    """The lines of a file for csv.reader, which can be put back.

    row (list): The lines read since `start_row`.
    start (int): Number of the first of them.
    """

    def __init__(self, path: Path, options: ReadOptions) -> None:
        self.lines = read_lines(path, options.encoding, keep_ends=True)
        self.waiting: list[tuple[int, str]] = []
        self.read: list[tuple[int, str]] = []
        self.problems: list[Problem] = []

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        while not self.waiting:
            item = next(self.lines)
            if isinstance(item, Problem):
                self.problems.append(item)
            else:
                self.waiting.append(item)
        self.read.append(self.waiting.pop())
        return self.read[-1][1]

    @property
    def row(self) -> list[str]:
        return [line for _, line in self.read]

    @property
    def start(self) -> int:
        return self.read[0][0]

    def start_row(self) -> None:
        self.read = []

    def put_back(self, count: int) -> None:
        """Give the last lines again."""
        for _ in range(min(count, len(self.read))):
            self.waiting.append(self.read.pop())

    def take_problems(self) -> list[Problem]:
        """RETURNS (list[Problem]): Lines that could not be read since the last call."""
        taken, self.problems = self.problems, []
        return taken
