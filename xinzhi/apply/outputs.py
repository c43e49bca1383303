"""How predictions are written: part by part, then put together."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from spacy.tokens import Doc, DocBin

from ..compat import require
from ..corpora.record import Problem
from ..plain import ResultOptions, to_plain
from .inputs import Text

Predicted = tuple[Text, Doc]
SHOWN = ResultOptions()


class Output(Protocol):
    """A format of the output.

    suffix (str): Suffix of its files.
    """

    suffix: str

    def write(self, predicted: Iterable[Predicted], path: Path) -> int:
        """Write a part. RETURNS (int): Number of documents."""

    def join(self, parts: Sequence[Path], path: Path) -> None:
        """Make the output of the parts, in order."""


class Jsonl:
    """One JSON object per line."""

    suffix = ".jsonl"

    def write(self, predicted: Iterable[Predicted], path: Path) -> int:
        count = 0
        with path.open("w", encoding="utf8", newline="\n") as file:
            for item, doc in predicted:
                row = json.dumps(row_of(item, doc), ensure_ascii=False, allow_nan=False)
                file.write(row + "\n")
                count += 1
        return count

    def join(self, parts: Sequence[Path], path: Path) -> None:
        with path.open("wb") as file:
            for part in parts:
                with part.open("rb") as rows:
                    shutil.copyfileobj(rows, file)


class DocBins:
    """A DocBin; several parts make a folder of them, which every reader of spaCy corpora takes."""

    suffix = ".spacy"

    def write(self, predicted: Iterable[Predicted], path: Path) -> int:
        docs = DocBin(store_user_data=True)
        for item, doc in predicted:
            source = Path(item.source).name.encode("utf8", "backslashreplace").decode()
            doc.user_data["record"] = {
                "id": _packable(item.id),
                "source": source,
                "line": item.line,
                "meta": _packable(item.meta),
            }
            docs.add(doc)
        docs.to_disk(path)
        return len(docs)

    def join(self, parts: Sequence[Path], path: Path) -> None:
        if len(parts) == 1:
            shutil.copyfile(parts[0], path)
            return
        path.mkdir()
        for part in parts:
            shutil.copyfile(part, path / part.name)


class Parquet:
    """A table: id, text, entities, and maps of categories and scores; the rest as JSON."""

    suffix = ".parquet"

    def write(self, predicted: Iterable[Predicted], path: Path) -> int:
        arrow = require("pyarrow", "'xinzhi[parquet]'", "Parquet files")
        parquet = require("pyarrow.parquet", "'xinzhi[parquet]'", "Parquet files")
        rows = [_table_row(row_of(item, doc)) for item, doc in predicted]
        parquet.write_table(arrow.Table.from_pylist(rows, schema=_schema(arrow)), path)
        return len(rows)

    def join(self, parts: Sequence[Path], path: Path) -> None:
        arrow = require("pyarrow", "'xinzhi[parquet]'", "Parquet files")
        parquet = require("pyarrow.parquet", "'xinzhi[parquet]'", "Parquet files")
        with parquet.ParquetWriter(path, _schema(arrow)) as writer:
            for part in parts:
                writer.write_table(parquet.read_table(part))


OUTPUTS: dict[str, Output] = {"jsonl": Jsonl(), "parquet": Parquet(), "docbin": DocBins()}


def row_of(item: Text, doc: Doc) -> dict[str, Any]:
    """RETURNS (dict): A text and what the pipeline predicted for it, as JSON values."""
    meta = {"meta": item.meta} if item.meta else {}
    return {"id": item.id, "text": item.text, **to_plain(doc, SHOWN), **meta}


def write_problems(path: Path, problems: Iterable[Problem]) -> None:
    """Write problems as JSON Lines, each with file, line, record and fact."""
    with path.open("w", encoding="utf8", errors="backslashreplace") as file:
        for problem in problems:
            file.write(json.dumps(problem.to_dict(), ensure_ascii=False) + "\n")


def join_problems(parts: Iterable[Path]) -> Iterator[str]:
    """YIELDS (str): Every line of the problems of the parts."""
    for part in parts:
        with part.open(encoding="utf8") as file:
            yield from file


def _packable(value: Any) -> Any:
    """RETURNS (Any): A JSON value, its numbers that have no room in a DocBin (64 bits) as text."""
    if isinstance(value, dict):
        return {key: _packable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_packable(item) for item in value]
    return str(value) if isinstance(value, int) and value.bit_length() > 63 else value


def _table_row(row: dict[str, Any]) -> dict[str, Any]:
    columns = ("text", "entities", "cats", "scores")
    rest = {k: v for k, v in row.items() if v and k not in (*columns, "id", "heads", "length")}
    table = {key: row.get(key) for key in columns}
    table["cats"] = list((row.get("cats") or {}).items())
    table["scores"] = list((row.get("scores") or {}).items())
    return {"id": str(row["id"]), **table, "more": json.dumps(rest, ensure_ascii=False)}


def _schema(arrow: Any) -> Any:
    entity = arrow.struct(
        [
            ("start", arrow.int32()),
            ("end", arrow.int32()),
            ("label", arrow.string()),
            ("text", arrow.string()),
            ("confidence", arrow.float64()),
        ]
    )
    values = arrow.map_(arrow.string(), arrow.float64())
    return arrow.schema(
        [
            ("id", arrow.string()),
            ("text", arrow.string()),
            ("entities", arrow.list_(entity)),
            ("cats", values),
            ("scores", values),
            ("more", arrow.string()),
        ]
    )
