"""Tables: one text per row, in columns that a header names. Shared by CSV and Excel.

Files written here name their columns `id`, `text`, `cats/HEAD`, `scores/NAME`, `meta/KEY` and
`annotator`; cells of other than plain text are JSON. In other tables the text has one of the usual
names or the one that the user gives, and so have the labels; further columns are left out, and
named.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..record import Problem, Record
from ._base import ReadOptions, WriteOptions
from ._fields import LABEL, get_head, get_score, is_id, text_name
from ._json import Invalid, parse_value

LABEL_NAMES = ("label", "labels", "category", "class", "标签", "类别")


@dataclass
class Columns:
    """What the columns of a table are.

    text (str): Column with the text.
    heads (dict): Column to head.
    scores (dict): Column to score.
    metas (dict): Column to key.
    ignored (list): The other columns.
    """

    text: str
    heads: dict[str, str] = field(default_factory=dict)
    scores: dict[str, str] = field(default_factory=dict)
    metas: dict[str, str] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, header: Sequence[str], options: ReadOptions) -> Columns:
        """RETURNS (Columns): What the columns of this header are.

        RAISES (Invalid): If there is no text, or a name occurs twice.
        """
        twice = {name for name in header if name and header.count(name) > 1}
        if twice:
            raise Invalid(f"two columns are called '{min(twice)}'")
        columns = cls(text_name(header, options))
        for name in header:
            kind, slash, rest = name.partition("/")
            if name in options.heads:
                columns.heads[name] = options.heads[name]
            elif name in options.scores:
                columns.scores[name] = options.scores[name]
            elif slash and kind in ("cats", "scores", "meta"):
                by_kind = {"cats": columns.heads, "scores": columns.scores, "meta": columns.metas}
                by_kind[kind][name] = rest
            elif name not in (columns.text, "id", "annotator", ""):
                columns.ignored.append(name)
        if not columns.heads and not columns.scores:
            label = next((name for name in LABEL_NAMES if name in columns.ignored), None)
            if label is not None:
                columns.ignored.remove(label)
                columns.heads[label] = LABEL
        return columns


def read_rows(
    rows: Iterator[tuple[int, list[str]] | Problem], path: Path, options: ReadOptions
) -> Iterator[Record | Problem]:
    """Make records of the rows of a table.

    rows (Iterator): Line and cells of each row; the first is the header.
    path (Path): The file.
    options (ReadOptions): May name columns.
    YIELDS (Record | Problem): In order.
    """
    columns: Columns | None = None
    header: list[str] = []
    for item in rows:
        if isinstance(item, Problem):
            yield item
            continue
        line, cells = item
        if not any(cell.strip() for cell in cells):
            continue
        try:
            if columns is None:
                header = [cell.strip() for cell in cells]
                columns = Columns.of(header, options)
                continue
            if len(cells) != len(header):
                raise Invalid(f"{len(cells)} cells, but the header has {len(header)} columns")
            yield _record(dict(zip(header, cells, strict=True)), columns, path, line)
        except Invalid as err:
            yield Problem(str(err), path, line)
            if columns is None:
                return
    if columns is None:
        yield Problem("the file holds no records, only blank lines", path)


def header_for(records_meta: Sequence[str], options: WriteOptions) -> list[str]:
    """RETURNS (list[str]): The columns for a corpus.

    records_meta (Sequence[str]): Every key of its metadata.
    options (WriteOptions): Its heads and scores.
    """
    heads = [f"cats/{head}" for head in options.heads]
    scores = [f"scores/{name}" for name in options.scores]
    return ["id", "text", *heads, *scores, *(f"meta/{key}" for key in records_meta), "annotator"]


def row_for(record: Record, header: Sequence[str]) -> list[str]:
    """RETURNS (list[str]): The cells of a record."""
    cells = {"id": write_cell(record.id), "text": record.text}
    cells["annotator"] = record.annotator or ""
    cells |= {f"cats/{head}": write_cell(value) for head, value in record.cats.items()}
    cells |= {f"scores/{name}": write_cell(value) for name, value in record.scores.items()}
    cells |= {f"meta/{key}": write_cell(value) for key, value in record.meta.items()}
    return [cells.get(name, "") for name in header]


def write_cell(value: Any) -> str:
    """RETURNS (str): A string as it is, anything else (or a string like that) as JSON."""
    if isinstance(value, str) and value != "" and read_cell(value) is value:
        return value
    return json.dumps(value, ensure_ascii=False)


def read_cell(cell: str) -> Any:
    """RETURNS (Any): The JSON value of a cell, or the string that it is."""
    if cell[:1] not in '-0123456789"[{tfn':
        return cell
    try:
        return parse_value(cell)
    except Invalid:
        return cell


def _record(fields: dict[str, str], columns: Columns, path: Path, line: int) -> Record:
    text = fields[columns.text]
    if not text:
        raise Invalid("the text is empty")
    identity = read_cell(fields["id"]) if fields.get("id") else line
    record = Record(
        id=identity if is_id(identity) else fields["id"],
        text=text,
        source=path,
        line=line,
        annotator=fields.get("annotator") or None,
        ignored=list(columns.ignored),
    )
    for name, head in columns.heads.items():
        if fields[name].strip():
            value = read_cell(fields[name])
            plain = isinstance(value, str | list | dict)
            record.cats[head] = get_head(head, value if plain else fields[name])
    for name, score in columns.scores.items():
        if fields[name].strip():
            record.scores[score] = get_score(score, read_cell(fields[name].strip()))
    record.meta = {
        key: read_cell(fields[name]) for name, key in columns.metas.items() if fields[name] != ""
    }
    return record
