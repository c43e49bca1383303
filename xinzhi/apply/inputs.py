"""Texts to predict, from files as they come: lines, JSON Lines, tables, DocBins, compressed."""

from __future__ import annotations

import bz2
import csv
import glob
import gzip
import io
import json
import lzma
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from ..compat import require
from ..corpora.record import Problem
from ..errors import XinzhiError

STDIN = Path("-")
OPENERS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
ENCODING = "utf-8-sig"
NO_CHARACTER = "a lone surrogate or bytes that are not UTF-8"
BATCH = 1024  # rows of a Parquet file at a time
LONGEST_CELL = 1 << 24  # characters of a CSV file; a quote that is not closed ends there
DEEPEST = 100  # nested lists and objects of the other fields of a record
DAMAGED = (OSError, EOFError, UnicodeDecodeError, lzma.LZMAError, zlib.error, csv.Error)


@dataclass(frozen=True)
class Text:
    """One text to predict.

    id (str | int): Its id in the file, or its number (line, row, document) there, from 1.
    text (str): The text.
    source (str): The file.
    line (int): Its line, row or document in the file, from 1.
    meta (dict): The other fields of its record; JSON values.
    """

    id: str | int
    text: str
    source: str
    line: int
    meta: dict[str, Any] = field(default_factory=dict)

    def problem(self, fact: str) -> Problem:
        """RETURNS (Problem): What is wrong with this text."""
        return Problem(fact, Path(self.source), self.line, self.id)


@dataclass(frozen=True)
class Fields:
    """Where a record holds its text and its id.

    text (str): Field or column of the text.
    id (str): Field or column of the id; a record without one is named by its number.
    """

    text: str = "text"
    id: str = "id"


def find_files(patterns: Iterable[str]) -> list[Path]:
    """The files that names, folders and globs stand for.

    patterns (Iterable[str]): Paths; folders stand for all their files that are not hidden, "-" for
        standard input.
    RETURNS (list[Path]): In the order given; those of a glob or a folder sorted by name.
    RAISES (XinzhiError): If there is no such file, or one of a kind that cannot be read.
    """
    files: list[Path] = []
    for pattern in patterns:
        path = Path(pattern)
        if path == STDIN or path.is_file():
            found = [path]
        elif path.is_dir():
            found = sorted(p for p in path.rglob("*") if p.is_file() and not _is_hidden(p, path))
        else:
            found = sorted(Path(name) for name in glob.glob(pattern, recursive=True))
            found = [name for name in found if name.is_file()]
        if not found:
            raise XinzhiError(f"There is no file {pattern}.", "Name files, folders or globs.")
        files.extend(found)
    for path in files:
        _kind(path)
    return files


def read_texts(files: Iterable[Path], fields: Fields) -> Iterator[Text | Problem]:
    """Stream the texts of files, in order.

    files (Iterable[Path]): The files, as `find_files` gives them.
    fields (Fields): Where their records hold text and id.
    YIELDS (Text | Problem): A text, or what is wrong with a record or with the rest of a file.
    """
    for path in files:
        try:
            yield from READERS[_kind(path)](path, fields)
        except DAMAGED as err:
            yield Problem(f"the file cannot be read (further): {err}", path)


def _is_hidden(path: Path, folder: Path) -> bool:
    """Whether a file, or a folder on the way to it, is hidden."""
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def _kind(path: Path) -> str:
    """RETURNS (str): The suffix that says how to read a file, without that of its compression."""
    if path == STDIN:
        return ".jsonl"
    suffix = path.suffix.lower()
    if suffix in OPENERS:
        suffix = Path(path.stem).suffix.lower()
    if suffix not in READERS:
        raise XinzhiError(
            f"{path}: texts cannot be read from files of this kind.",
            f"Use {', '.join(READERS)}, the first four also with {', '.join(OPENERS)}.",
        )
    return suffix


def _open(path: Path) -> IO[bytes]:
    if path == STDIN:
        return sys.stdin.buffer
    return OPENERS.get(path.suffix.lower(), open)(path, "rb")


def _lines(path: Path) -> Iterator[tuple[int, str] | Problem]:
    """The lines of a UTF-8 file; one that is not UTF-8 is a Problem."""
    file = _open(path)
    try:
        for number, raw in enumerate(file, start=1):
            try:
                yield number, raw.decode(ENCODING if number == 1 else "utf-8").rstrip("\r\n")
            except UnicodeDecodeError as err:
                yield Problem(f"not UTF-8 (byte {err.start}); convert the file", path, number)
    finally:
        if path != STDIN:
            file.close()


def _read_txt(path: Path, fields: Fields) -> Iterator[Text | Problem]:
    """One text per line; empty lines are no texts."""
    for item in _lines(path):
        if isinstance(item, Problem):
            yield item
        elif item[1].strip():
            yield Text(item[0], item[1], str(path), item[0])


def _read_jsonl(path: Path, fields: Fields) -> Iterator[Text | Problem]:
    for item in _lines(path):
        if isinstance(item, Problem):
            yield item
        elif item[1].strip():
            yield _from_json(*item, path, fields)


def _from_json(number: int, line: str, path: Path, fields: Fields) -> Text | Problem:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as err:
        return Problem(f"not JSON: {err}", path, number)
    if not isinstance(record, dict):
        return Problem("not a JSON object", path, number)
    return _from_record(record, path, number, fields)


def _from_record(
    record: dict[str, Any], path: Path, number: int, fields: Fields, line: int | None = None
) -> Text | Problem:
    """RETURNS (Text | Problem): What a record says; `number` names it if it has no id."""
    line = line or number
    text = record.pop(fields.text, None)
    identity = record.pop(fields.id, None)
    identity = number if identity in (None, "") else identity
    if not isinstance(identity, (str, int)):
        identity = str(identity)
    if isinstance(identity, str) and not _is_unicode(identity):
        return Problem(f"the field '{fields.id}' holds {NO_CHARACTER}", path, line)
    if not isinstance(text, str):
        return Problem(f"no text in the field '{fields.text}'", path, line, identity)
    if not _is_unicode(text):
        return Problem(f"the text holds {NO_CHARACTER}", path, line, identity)
    if _is_deeper(record, DEEPEST):
        return Problem(f"fields nested more than {DEEPEST} deep", path, line, identity)
    dumped = json.dumps(record, default=str, ensure_ascii=False)
    if not _is_unicode(dumped):
        return Problem(f"another field holds {NO_CHARACTER}", path, line, identity)
    meta = json.loads(dumped, parse_constant=str)  # dates, NaN: as text
    return Text(identity, text, str(path), line, meta)


def _is_unicode(text: str) -> bool:
    """Whether a text can be written: a lone surrogate is no character."""
    try:
        text.encode("utf8")
    except UnicodeEncodeError:
        return False
    return True


def _is_deeper(value: Any, levels: int) -> bool:
    """Whether lists and objects are nested more than so many times."""
    if not isinstance(value, (dict, list)):
        return False
    items = value.values() if isinstance(value, dict) else value
    return levels < 0 or any(_is_deeper(item, levels - 1) for item in items)


def _read_csv(path: Path, fields: Fields) -> Iterator[Text | Problem]:
    """A text per row. Bytes that are not UTF-8 become lone surrogates: they cost their row only."""
    csv.field_size_limit(LONGEST_CELL)
    with io.TextIOWrapper(_open(path), ENCODING, "surrogateescape", newline="") as file:
        delimiter = "\t" if ".tsv" in path.name.lower() else ","
        rows = csv.DictReader(file, delimiter=delimiter, strict=True)
        if fields.text not in (rows.fieldnames or ()):
            yield _no_column(path, fields)
            return
        for number, row in enumerate(_rows(rows, path), start=1):
            if isinstance(row, Problem):
                yield row
            elif None in row:
                yield Problem("more cells than the header has", path, rows.line_num)
            else:
                yield _from_record(row, path, number, fields, rows.line_num)


def _rows(rows: csv.DictReader[str], path: Path) -> Iterator[dict[str, Any] | Problem]:
    """The rows of a CSV file; one that is malformed is a Problem, and the next is read."""
    while True:
        try:
            yield next(rows)
        except StopIteration:
            return
        except csv.Error as err:
            yield Problem(f"not CSV: {err}", path, rows.reader.line_num)


def _no_column(path: Path, fields: Fields) -> Problem:
    return Problem(f"no column '{fields.text}'; name it with --text-field", path, 1)


def _read_parquet(path: Path, fields: Fields) -> Iterator[Text | Problem]:
    arrow = require("pyarrow", "'xinzhi[parquet]'", "Parquet files")
    parquet = require("pyarrow.parquet", "'xinzhi[parquet]'", "Parquet files")
    number = 0
    try:
        with parquet.ParquetFile(path) as file:
            if fields.text not in file.schema_arrow.names:
                yield _no_column(path, fields)
                return
            for batch in file.iter_batches(BATCH):
                for row in batch.to_pylist():
                    number += 1
                    yield _from_record(row, path, number, fields)
    except arrow.ArrowException as err:
        yield Problem(f"not a Parquet file (from row {number + 1} on): {err}", path)


def _read_docbin(path: Path, fields: Fields) -> Iterator[Text | Problem]:
    from spacy.tokens import DocBin
    from spacy.vocab import Vocab

    try:
        docs = DocBin(store_user_data=True).from_disk(path).get_docs(Vocab())
        for number, doc in enumerate(docs, start=1):
            record = doc.user_data.get("record", {})
            identity = record.get("id", number)
            yield Text(identity, doc.text, str(path), number, dict(record.get("meta", {})))
    except (ValueError, KeyError, TypeError, zlib.error) as err:
        yield Problem(f"not a DocBin: {err}", path)


READERS: dict[str, Callable[[Path, Fields], Iterator[Text | Problem]]] = {
    ".txt": _read_txt,
    ".jsonl": _read_jsonl,
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".parquet": _read_parquet,
    ".spacy": _read_docbin,
}
