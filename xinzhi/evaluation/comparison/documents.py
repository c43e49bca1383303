"""The documents on which two systems differ, the worst for B first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from spacy.training import Example

from .outcomes import Entity, EntityOutcome, Outcome


def differing_documents(
    examples: Sequence[Example], a: Sequence[Outcome], b: Sequence[Outcome]
) -> list[dict[str, Any]]:
    """Find the documents whose predictions differ.

    examples (Sequence): The gold documents are read from them.
    a, b (Sequence): Outcomes of the two systems on them.
    RETURNS (list): For each: "document" (number, from 1), "record" (if known), "text", "errors"
        (of "a" and "b": entities wrong or missed, heads wrong), "entities" (those that only one of
        them predicts: "text", "label", "start", "end", "by", "right"), "heads" (those decided
        differently: head -> "gold", "a", "b"), "scores" (name -> "gold", "a", "b"). First those
        where B has the most errors more than A.
    """
    found = []
    for number, (example, one, other) in enumerate(zip(examples, a, b, strict=True), 1):
        text = example.reference.text
        differences = {
            "entities": _entities(text, one.entities, other.entities),
            "heads": _heads(one, other),
            "scores": _scores(one, other),
        }
        if any(differences.values()):
            found.append(
                {
                    "document": number,
                    "record": _record(example),
                    "text": text,
                    "errors": {"a": one.errors, "b": other.errors},
                    **differences,
                }
            )
    return sorted(found, key=lambda row: (-worse_by(row), row["document"]))


def worse_by(row: dict[str, Any]) -> float:
    """RETURNS (float): How many errors more B has than A; if as many, by how much its real values
    are further off, as a number below 1."""
    errors = row["errors"]["b"] - row["errors"]["a"]
    off = sum(
        abs(value["b"] - value["gold"]) - abs(value["a"] - value["gold"])
        for value in row["scores"].values()
    )
    return errors or off / (1 + abs(off))


def count_documents(rows: Sequence[dict[str, Any]], documents: int) -> dict[str, int]:
    """RETURNS (dict): On how many documents B is "better", "worse", or as good: "different" (other
    predictions) or "same"."""
    better = sum(worse_by(row) < 0 for row in rows)
    worse = sum(worse_by(row) > 0 for row in rows)
    return {
        "better": better,
        "worse": worse,
        "different": len(rows) - better - worse,
        "same": documents - len(rows),
    }


def _entities(text: str, a: EntityOutcome | None, b: EntityOutcome | None) -> list[dict[str, Any]]:
    if a is None or b is None:
        return []
    rows = []
    for by, mine, other in (("a", a, b), ("b", b, a)):
        for entity in sorted({*mine.right, *mine.wrong} - {*other.right, *other.wrong}):
            rows.append({**_describe(text, entity), "by": by, "right": entity in mine.right})
    return sorted(rows, key=lambda row: (row["start"], row["end"], row["by"]))


def _record(example: Example) -> str | None:
    """RETURNS (str): File and line of a gold document, or its id; None if it says nothing."""
    record = example.reference.user_data.get("record")
    if not isinstance(record, dict):
        return None if record is None else str(record)
    if record.get("source") and record.get("line"):
        return f"{record['source']}:{record['line']}"
    return None if record.get("id") is None else str(record["id"])


def _describe(text: str, entity: Entity) -> dict[str, Any]:
    start, end, label = entity
    return {"text": text[start:end], "label": label, "start": start, "end": end}


def _heads(a: Outcome, b: Outcome) -> dict[str, dict[str, list[str]]]:
    return {
        head: {"gold": a.heads[head].gold, "a": a.heads[head].decided, "b": b.heads[head].decided}
        for head in a.heads.keys() & b.heads.keys()
        if a.heads[head].decided != b.heads[head].decided
    }


def _scores(a: Outcome, b: Outcome) -> dict[str, dict[str, float]]:
    return {
        name: {"gold": a.scores[name][0], "a": a.scores[name][1], "b": b.scores[name][1]}
        for name in a.scores.keys() & b.scores.keys()
        if a.scores[name] != b.scores[name]
    }
