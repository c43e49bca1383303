"""Excel workbooks (.xlsx) for classes and scores; see _table.py for the columns.

Needs the package openpyxl (the extra "excel"). Every sheet with a header is read.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from ...compat import require
from ..record import Problem, Record
from ._base import ReadOptions, Sample, WriteOptions
from ._table import header_for, read_rows, row_for

MAX_CELL = 32767  # characters, by Excel's specification


class ExcelFormat:
    """Reads and writes workbooks. `EXCEL` is the registered instance."""

    name = "excel"
    help = "Excel .xlsx for classes and scores: a header, one text per row (extra: excel)"
    holds = frozenset({"cats", "soft", "scores", "meta", "id", "annotator"})
    suffix = ".xlsx"

    def sniff(self, sample: Sample) -> float:
        """By its suffix and the signature of a zip file."""
        return float(sample.suffix in (".xlsx", ".xlsm") and sample.head.startswith(b"PK"))

    def read(self, path: Path, options: ReadOptions) -> Iterator[Record | Problem]:
        """Stream the rows of every sheet."""
        openpyxl = _openpyxl()
        with path.open("rb") as file:
            try:
                book = openpyxl.load_workbook(file, read_only=True, data_only=True)
            except (zipfile.BadZipFile, KeyError, ValueError, OSError):
                yield Problem("this is not an Excel workbook, or it is damaged", path)
                return
            for sheet in book.worksheets:
                rows = _rows(sheet.iter_rows(values_only=True), openpyxl)
                yield from read_rows(rows, path, options)

    def write(
        self,
        records: Iterable[Record],
        path: Path,
        options: WriteOptions,
        lose: Callable[[Problem], None],
    ) -> None:
        """One sheet: a header, then one row per record."""
        openpyxl = _openpyxl()
        book = openpyxl.Workbook(write_only=True)
        sheet = book.create_sheet("corpus")
        header = header_for(options.metas, options)
        sheet.append(header)
        for record in records:
            cells = row_for(record, header)
            if max(map(len, cells)) > MAX_CELL:
                fact = f"a cell would have more than {MAX_CELL:,} characters, too many for Excel"
                lose(record.problem(fact))
            else:
                sheet.append([_text_cell(sheet, cell, openpyxl) for cell in cells])
        book.save(path)


EXCEL = ExcelFormat()


def _openpyxl() -> ModuleType:
    return require("openpyxl", "'xinzhi[excel]'", "Excel files")


def _rows(rows: Iterable[tuple[Any, ...]], openpyxl: ModuleType) -> Iterator[tuple[int, list[str]]]:
    width = 0
    for line, values in enumerate(rows, start=1):
        cells = [_as_text(value, openpyxl) for value in values]
        while cells and not cells[-1] and len(cells) > width:
            cells.pop()
        width = width or len(cells)
        yield line, cells + [""] * (width - len(cells))


def _as_text(value: Any, openpyxl: ModuleType) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return openpyxl.utils.escape.unescape(str(value))


def _text_cell(sheet: Any, text: str, openpyxl: ModuleType) -> Any:
    """A cell that Excel takes as text, not as a formula or a number."""
    cell = openpyxl.cell.WriteOnlyCell(sheet, openpyxl.utils.escape.escape(text))
    cell.data_type = "s"
    return cell
