"""The record model: one annotated text, whatever tool it came from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

SpanTuple: TypeAlias = tuple[int, int, str]
HeadValue: TypeAlias = str | list[str] | dict[str, float]
ProblemKind: TypeAlias = Literal["error", "skipped", "note"]


@dataclass
class Record:
    """One text with its annotations.

    id (str | int): Identity inside its file.
    text (str): The text, exactly as annotated.
    source (Path): The file it was read from.
    line (int): Line (or document number) in that file, from 1.
    spans (list | None): Entities as (start, end, label), in code points, end exclusive. None: the
        entities of this text were not annotated; an empty list: annotated, and there are none.
    cats (dict): Head to its gold value: a string (exclusive head), a list of strings (multi-label
        head), or a dict from label to a value in [0, 1]. An absent head was not annotated.
    scores (dict): Name to number, for regression heads. An absent name was not annotated.
    meta (dict): Anything else worth carrying along; JSON values only.
    annotator (str | None): Who annotated it, as far as the tool says.
    unknown (list): Ranges (start, end) in which entities were not annotated although those of the
        rest of the text were; learning and scoring leave their tokens out.
    relations (int): Relations between entities in the input; they are counted, not kept.
    lost (list): A fact for each annotation of the input that has no place in this model.
    ignored (list): Names of input fields that have no place in this model.
    surfaces (dict): Span to the words that the input itself says it covers, where it does; for
        checks of the offsets.
    model (str): The pipeline that made the annotations; empty if people did.
    confidence (dict): How sure that pipeline was, by (start, end, label) and by (head, label).
    """

    id: str | int
    text: str
    source: Path
    line: int
    spans: list[SpanTuple] | None = None
    cats: dict[str, HeadValue] = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)
    meta: dict[str, Any] = field(default_factory=dict)
    annotator: str | None = None
    unknown: list[tuple[int, int]] = field(default_factory=list)
    relations: int = 0
    lost: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    surfaces: dict[SpanTuple, str] = field(default_factory=dict)
    model: str = ""
    confidence: dict[SpanTuple | tuple[str, str], float] = field(default_factory=dict)

    @property
    def tasks(self) -> list[str]:
        """What was annotated: "entities", "cats/HEAD" and "scores/NAME"."""
        entities = [] if self.spans is None else ["entities"]
        heads = [f"cats/{head}" for head in self.cats]
        return [*entities, *heads, *(f"scores/{name}" for name in self.scores)]

    def problem(self, fact: str, kind: ProblemKind = "error") -> Problem:
        """Something that is wrong with this record."""
        return Problem(fact, self.source, self.line, self.id, kind)


@dataclass(frozen=True)
class Problem:
    """Something in an input that somebody should know.

    fact (str): What is wrong.
    source (Path): The file.
    line (int | None): The line (or document number) in it, if there is one.
    record_id (str | int | None): The record, if it has an identity.
    kind (str): "error": a record or a whole file that cannot be used; "skipped": a record that is
        left out on purpose, such as one that the annotator rejected; "note": nothing is left out.
    """

    fact: str
    source: Path
    line: int | None = None
    record_id: str | int | None = None
    kind: ProblemKind = "error"

    @property
    def whole_file(self) -> bool:
        """Whether a file as a whole cannot be used."""
        return self.kind == "error" and self.line is None and self.record_id is None

    def __str__(self) -> str:
        place = str(self.source) if self.line is None else f"{self.source}:{self.line}"
        record = "" if self.record_id is None else f" (record {self.record_id})"
        return f"{place}{record}: {self.fact}"

    def to_dict(self) -> dict[str, Any]:
        return {
            "file": str(self.source),
            "line": self.line,
            "record": self.record_id,
            "kind": self.kind,
            "fact": self.fact,
        }


def head_values(value: HeadValue) -> Iterator[tuple[str, float]]:
    """The labels that a gold value mentions, with their values: 1.0 for plain labels.

    value (HeadValue): A record's gold value for one head.
    YIELDS (tuple): Label and value in [0, 1].
    """
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, str):
        yield value, 1.0
    else:
        for label in value:
            yield label, 1.0
