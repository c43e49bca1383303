"""Texts that occur more than once, with the same or with conflicting annotations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from .changes import Change
from .record import Record, head_values


@dataclass(frozen=True)
class Repeated:
    """A text that occurs more than once.

    text (str): The text.
    records (list[Record]): All its occurrences.
    conflicts (list[str]): Tasks ("entities" or a head) on which its annotations disagree.
    """

    text: str
    records: list[Record]
    conflicts: list[str]

    @property
    def shared(self) -> bool:
        """Whether it occurs in more than one file."""
        return len({record.source for record in self.records}) > 1

    def __str__(self) -> str:
        places = ", ".join(f"{r.source}:{r.line} (record {r.id})" for r in self.records)
        conflict = f"; annotated differently: {', '.join(self.conflicts)}" if self.conflicts else ""
        shown = repr(self.text if len(self.text) <= 30 else self.text[:30] + "…")
        return f"{shown} at {places}{conflict}"

    def changes(self) -> Iterator[Change]:
        """YIELDS (Change): A note for each of its records."""
        reason = "conflicting annotations" if self.conflicts else "repeated text"
        for record in self.records:
            place = (record.source, record.line, record.id)
            yield Change("record", "note", reason, f"repeated text {self}", *place)

    def to_dict(self) -> dict[str, Any]:
        return {
            "text": self.text,
            "records": [
                {"file": str(r.source), "line": r.line, "record": r.id} for r in self.records
            ],
            "shared_between_files": self.shared,
            "conflicts": self.conflicts,
        }


@dataclass
class Repetitions:
    """Find repeated values in a stream without keeping them: only their hashes (64 bits).

    seen (set[int]): Hashes of all values.
    repeated (set[int]): Hashes of those that came again.
    """

    seen: set[int] = field(default_factory=set)
    repeated: set[int] = field(default_factory=set)

    def add(self, value: object) -> None:
        """Note a value."""
        code = hash(value)
        if code in self.seen:
            self.repeated.add(code)
        else:
            self.seen.add(code)

    def __contains__(self, value: object) -> bool:
        return hash(value) in self.repeated


def group_by_text(records: Iterable[Record]) -> list[Repeated]:
    """The texts that occur more than once.

    records (Iterable[Record]): Records; those that may be repeated are enough.
    RETURNS (list[Repeated]): In the order of their first occurrence.
    """
    texts: dict[str, list[Record]] = {}
    for record in records:
        texts.setdefault(record.text, []).append(record)
    return [
        Repeated(text, found, find_conflicts(found))
        for text, found in texts.items()
        if len(found) > 1
    ]


def find_conflicts(records: Sequence[Record]) -> list[str]:
    """Tasks on which records of the same text disagree. A missing annotation agrees with any.

    records (Sequence[Record]): Records of one text.
    RETURNS (list[str]): "entities" and names of heads and scores.
    """
    seen: dict[str, set[Any]] = {}
    for record in records:
        for task, annotation in gold_of(record).items():
            seen.setdefault(task, set()).add(annotation)
    return [task for task, found in seen.items() if len(found) > 1]


def gold_of(record: Record) -> dict[str, Any]:
    """RETURNS (dict): Each task that a record annotates, to a hashable form of its annotation."""
    found: dict[str, Any] = {}
    if record.spans is not None:
        found["entities"] = frozenset(record.spans)
    for head, value in record.cats.items():
        gold = frozenset((label, number) for label, number in head_values(value) if number > 0)
        found[f"head {head}"] = gold
    for name, score in record.scores.items():
        found[f"score {name}"] = score
    return found
