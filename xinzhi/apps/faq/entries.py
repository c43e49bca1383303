"""Entries of a knowledge base and users' queries, read from JSON Lines."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import XinzhiError
from ..json_lines import read_records, unique_by_id


@dataclass(frozen=True)
class Entry:
    """One question with its answer.

    id (str): Its id, unique in the knowledge base.
    question (str): The question.
    answer (str): The answer.
    intent (str): What it is about; may be empty.
    similar (tuple[str]): Other wordings of the question.
    """

    id: str
    question: str
    answer: str
    intent: str = ""
    similar: tuple[str, ...] = ()

    @property
    def wordings(self) -> tuple[str, ...]:
        """RETURNS (tuple[str]): The question and its other wordings."""
        return (self.question, *self.similar)

    @property
    def full(self) -> str:
        """RETURNS (str): The question with the answer."""
        return f"{self.question} {self.answer}"


@dataclass(frozen=True)
class Query:
    """What a user asked.

    text (str): The text.
    entry (str): Id of the entry that answers it; "" if none does.
    kind (str): Group in the evaluation, such as "chitchat" of queries without an answer.
    """

    text: str
    entry: str = ""
    kind: str = ""


def read_entries(path: Path) -> list[Entry]:
    """Read a knowledge base: {"id", "question", "answer", "intent", "similar": [...]} a line.

    path (Path): The file.
    RETURNS (list[Entry]): Its entries.
    RAISES (XinzhiError): If there is none, one is incomplete, or two have the same id.
    """
    found = ((line, _entry(record, f"{path}:{line}")) for line, record in read_records(path))
    entries = unique_by_id(found, path, "entry")
    if not entries:
        raise XinzhiError(f"{path} has no entries.", 'Write {"id", "question", "answer"} a line.')
    return entries


def read_queries(paths: Iterable[Path], known: Collection[str]) -> list[Query]:
    """Read queries: {"text", "faq_id"} a line; without "faq_id" no entry answers it.

    paths (Iterable[Path]): The files.
    known (Collection[str]): Ids of the entries.
    RETURNS (list[Query]): The queries.
    RAISES (XinzhiError): If a file has none, or one is incomplete or names an unknown entry.
    """
    queries: list[Query] = []
    for path in paths:
        before = len(queries)
        for line, record in read_records(path):
            entry = str(record.get("faq_id") or "")
            if entry and entry not in known:
                raise XinzhiError(
                    f"{path}:{line}: there is no entry '{entry}'.", "Correct it, or add the entry."
                )
            text = _text(record, "text", f"{path}:{line}")
            queries.append(Query(text, entry, str(record.get("kind") or "")))
        if len(queries) == before:
            raise XinzhiError(f"{path} has no queries.", 'Write {"text", "faq_id"} a line.')
    return queries


def check_unique(entries: Sequence[Entry]) -> None:
    """RAISES (XinzhiError): If there is no entry, or two have the same id."""
    if not entries:
        raise XinzhiError("There are no entries.", "Give at least one question with its answer.")
    seen: set[str] = set()
    for entry in entries:
        if entry.id in seen:
            raise XinzhiError(f"Two entries have the id '{entry.id}'.", "Give each one of its own.")
        seen.add(entry.id)


def _entry(record: dict[str, Any], place: str) -> Entry:
    similar = record.get("similar") or []
    if not isinstance(similar, list) or not all(isinstance(text, str) for text in similar):
        raise XinzhiError(f"{place}: 'similar' is no list of texts.", "Correct the line.")
    return Entry(
        id=_text(record, "id", place),
        question=_text(record, "question", place),
        answer=_text(record, "answer", place),
        intent=str(record.get("intent") or ""),
        similar=tuple(similar),
    )


def _text(record: dict[str, Any], key: str, place: str) -> str:
    value = record.get(key)
    value = str(value) if key == "id" and type(value) is int else value
    if not isinstance(value, str) or not value.strip():
        raise XinzhiError(f"{place}: '{key}' is missing or empty.", "Correct the line.")
    if any("\ud800" <= char <= "\udfff" for char in value):
        raise XinzhiError(f"{place}: '{key}' has half a character.", "Correct the line.")
    return value
