"""What became of records, spans and heads on the way into a corpus, with counts that add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from .record import Problem, SpanTuple

Unit: TypeAlias = Literal["record", "span", "head"]
Outcome: TypeAlias = Literal["kept", "trimmed", "moved", "dropped", "note"]
OUTCOMES: tuple[Outcome, ...] = ("kept", "trimmed", "moved", "dropped")


READER_NOTE = "note of the reader"
LEFT_OUT = "left out on purpose"


@dataclass(frozen=True)
class Change:
    """Something that did not go through as it was, or that somebody should know.

    unit (str): "record", "span" or "head".
    outcome (str): "trimmed" (white space cut off), "moved" (other offsets), "dropped", or "note":
        kept as it is.
    reason (str): In a few words, to be counted.
    fact (str): In a sentence.
    source (Path): The file.
    line (int | None): The line (or document number) in it.
    record_id (str | int | None): The record.
    error (bool): Whether the input should be corrected; a strict conversion stops at it.
    span (tuple | None): The span as it was.
    to (tuple | None): The span as it is now.
    """

    unit: Unit
    outcome: Outcome
    reason: str
    fact: str
    source: Path
    line: int | None = None
    record_id: str | int | None = None
    error: bool = False
    span: SpanTuple | None = None
    to: SpanTuple | None = None

    @classmethod
    def of_problem(cls, problem: Problem) -> Change:
        """RETURNS (Change): What became of a record that a reader could not deliver."""
        outcome: Outcome = "note" if problem.kind == "note" else "dropped"
        reason = {"error": "cannot be used", "skipped": LEFT_OUT}.get(problem.kind, READER_NOTE)
        place = (problem.source, problem.line, problem.record_id)
        return cls("record", outcome, reason, problem.fact, *place, problem.kind == "error")

    def __str__(self) -> str:
        return str(Problem(self.fact, self.source, self.line, self.record_id))

    def to_dict(self) -> dict[str, Any]:
        return {
            "file": str(self.source),
            "line": self.line,
            "record": self.record_id,
            "unit": self.unit,
            "outcome": self.outcome,
            "reason": self.reason,
            "error": self.error,
            "span": self.span,
            "to": self.to,
            "fact": self.fact,
        }


@dataclass
class Tally:
    """How many records, spans and heads went in, and what became of them.

    counts (Counter): (unit, outcome) to number; "in" counts what went in.
    reasons (Counter): (unit, outcome, reason) to number.
    errors (int): Changes that a strict conversion would have stopped at.
    """

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    reasons: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    errors: int = 0

    def add(self, change: Change) -> None:
        """Count a change."""
        self.counts[change.unit, change.outcome] += 1
        self.reasons[change.unit, change.outcome, change.reason] += 1
        self.errors += change.error

    def adds_up(self) -> bool:
        """RETURNS (bool): Whether in = kept + trimmed + moved + dropped, for each unit."""
        return all(
            self.counts[unit, "in"] == sum(self.counts[unit, outcome] for outcome in OUTCOMES)
            for unit in ("record", "span", "head")
        )

    def update(self, other: Tally) -> None:
        """Add the counts of another tally."""
        self.counts.update(other.counts)
        self.reasons.update(other.reasons)
        self.errors += other.errors

    def to_dict(self) -> dict[str, Any]:
        return {f"{unit}s": self._unit(unit) for unit in ("record", "span", "head")}

    def _unit(self, unit: str) -> dict[str, Any]:
        reasons: Mapping[str, dict[str, int]] = {outcome: {} for outcome in (*OUTCOMES, "note")}
        for (of_unit, outcome, reason), number in self.reasons.items():
            if of_unit == unit:
                reasons[outcome][reason] = number
        counts = {name: self.counts[unit, name] for name in ("in", *OUTCOMES)}
        return {**counts, "reasons": {name: found for name, found in reasons.items() if found}}
