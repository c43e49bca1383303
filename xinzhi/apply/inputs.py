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
BATCH = 1024  # rows of a Parquet file at a time


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

    patterns (Iterable[str]): Paths; folders stand for all their files, "-" for standard input.
    RETURNS (list[Path]): In the order given; those of a glob or a folder sorted by name.
    RAISES (XinzhiError): If there is no such file, or one of a kind that cannot be read.
    """
    files: list[Path] = []
    for pattern in patterns:
        path = Path(pattern)
        if path == STDIN or path.is_file():
            found = [path]
        elif path.is_dir():
            found = sorted(p for p in path.rglob("*") if p.is_file() and p.name[0] != ".")
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
        except (OSError, EOFError, UnicodeDecodeError, lzma.LZMAError, csv.Error) as err:
            yield Problem(f"the file cannot be read (further): {err}", path)


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


def _from_record(record: dict[str, Any], path: Path, number: int, fields: Fields) -> Text | Problem:
    text = record.pop(fields.text, None)
    identity = record.pop(fields.id, None)
    identity = number if identity in (None, "") else identity
    if not isinstance(identity, (str, int)):
        identity = str(identity)
    if not isinstance(text, str):
        return Problem(f"no text in the field '{fields.text}'", path, number, identity)
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        return Problem("a lone surrogate, which is no character", path, number, identity)
    meta = json.loads(json.dumps(record, default=str), parse_constant=str)  # dates, NaN: as text
    return Text(identity, text, str(path), number, meta)


def _read_csv(path: Path, fields: Fields) -> Iterator[Text | Problem]:
    with io.TextIOWrapper(_open(path), encoding=ENCODING, newline="") as file:
        delimiter = "\t" if ".tsv" in path.suffixes else ","
        rows = csv.DictReader(file, delimiter=delimiter)
        if fields.text not in (rows.fieldnames or ()):
            yield Problem(f"no column '{fields.text}'; name it with --text-field", path, 1)
            return
        for number, row in enumerate(rows, start=1):
            if None in row:
                yield Problem("more cells than the header has", path, rows.line_num)
            else:
                yield _from_record(row, path, number, fields)


def _read_parquet(path: Path, fields: Fields) -> Iterator[Text | Problem]:
    parquet = require("pyarrow.parquet", "'xinzhi[parquet]'", "Parquet files")
    number = 0
    with parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(BATCH):
            for row in batch.to_pylist():
                number += 1
                yield _from_record(row, path, number, fields)


def _read_docbin(path: Path, fields: Fields) -> Iterator[Text | Problem]:
    from spacy.tokens import DocBin
    from spacy.vocab import Vocab

    try:
        docs = DocBin(store_user_data=True).from_disk(path).get_docs(Vocab())
        for number, doc in enumerate(docs, start=1):
            record = doc.user_data.get("record", {})
            identity = record.get("id", number)
            yield Text(identity, doc.text, str(path), number, dict(record.get("meta", {})))
    except (ValueError, KeyError, TypeError) as err:
        yield Problem(f"not a DocBin: {err}", path)


READERS: dict[str, Callable[[Path, Fields], Iterator[Text | Problem]]] = {
    ".txt": _read_txt,
    ".jsonl": _read_jsonl,
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".parquet": _read_parquet,
    ".spacy": _read_docbin,
}
