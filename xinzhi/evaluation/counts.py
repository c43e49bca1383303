"""What was right and wrong in each document: what intervals, slices and paired tests build on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from spacy.tokens import Span
from spacy.training import Example

from ..components.cats_scorer import Row, head_table

MISSING_IOB = 0
TokenSpan = tuple[int, int, str]
Key = Callable[[str, str], str]


@dataclass(frozen=True)
class Entity:
    """A gold entity, or a predicted one that can be judged.

    span (tuple): First token, end and label, in tokens of the gold document.
    text (str): Its surface.
    confidence (float): Of a predicted entity, if it has one.
    chars (tuple): Start and end in characters, end exclusive.
    """

    span: TokenSpan
    text: str
    chars: tuple[int, int]
    confidence: float | None = None

    @property
    def label(self) -> str:
        """The label."""
        return self.span[2]


@dataclass(frozen=True)
class Judged:
    """The entities of one document.

    gold (list[Entity]): In the order of the text.
    predicted (list[Entity]): Those whose tokens are annotated; the others are neither right nor
        wrong.
    """

    gold: list[Entity]
    predicted: list[Entity]

    def right(self) -> list[bool]:
        """RETURNS (list): Whether each predicted entity has the span and the label of a gold
        one."""
        gold = {entity.span for entity in self.gold}
        return [entity.span in gold for entity in self.predicted]


@dataclass(frozen=True)
class Counts:
    """True positives, false positives and false negatives by document and label.

    labels (list[str]): Sorted.
    tp, fp, fn (ndarray): Shape (documents, labels).
    """

    labels: list[str]
    tp: np.ndarray
    fp: np.ndarray
    fn: np.ndarray

    def stacked(self) -> np.ndarray:
        """RETURNS (ndarray): The three, shape (documents, 3, labels)."""
        return np.stack([self.tp, self.fp, self.fn], axis=1)


def judge(example: Example) -> Judged:
    """Bring the predicted entities to the tokens of the gold document, as spaCy's scorer does.

    example (Example): A predicted document with its gold one; without entity annotation nothing
        is judged.
    RETURNS (Judged): The entities.
    """
    if not example.reference.has_annotation("ENT_IOB"):
        return Judged([], [])
    gold = [_entity(span, span.start, span.end) for span in example.reference.ents]
    known = example.reference.to_array("ENT_IOB") != MISSING_IOB
    predicted = []
    to_gold = example.alignment.x2y
    for span in example.predicted.ents:
        tokens = to_gold[span.start : span.end]
        if len(tokens) and known[tokens[0] : tokens[-1] + 1].all():
            predicted.append(_entity(span, int(tokens[0]), int(tokens[-1]) + 1))
    return Judged(gold, predicted)


def entity_counts(
    documents: Iterable[Judged], labels: Iterable[str] = (), key: Key | None = None
) -> Counts:
    """Count right and wrong entities, by document; the sums are those of `spacy evaluate`.

    documents (Iterable[Judged]): See `judge`.
    labels (Iterable[str]): Labels to count even if they do not occur.
    key (Callable): Label and surface of an entity -> what to count it under; the label, if None.
    RETURNS (Counts): The counts.
    """
    name = key or (lambda label, _text: label)
    cells: dict[str, list[tuple[int, int]]] = {label: [] for label in labels}
    number = -1
    for number, doc in enumerate(documents):
        open_gold = {entity.span for entity in doc.gold}
        for entity in doc.predicted:
            kind = 0 if entity.span in open_gold else 1
            open_gold.discard(entity.span)
            cells.setdefault(name(entity.label, entity.text), []).append((number, kind))
        for entity in doc.gold:
            if entity.span in open_gold:
                cells.setdefault(name(entity.label, entity.text), []).append((number, 2))
    return _counts(cells, number + 1)


def head_counts(rows: Sequence[Row]) -> Counts:
    """Count right and wrong labels of one classification head, by document.

    rows (Sequence[Row]): The annotated documents, at least one; see `cats_scorer.head_rows`.
    RETURNS (Counts): The counts, a row of each document.
    """
    table = head_table(list(rows))
    truth, guess, known = table.truth, table.guess, table.known
    tp, fp, fn = truth & guess & known, ~truth & guess & known, truth & ~guess & known
    return Counts(table.labels, *(cells.astype(np.int64) for cells in (tp, fp, fn)))


def confidence_of(span: Span) -> float | None:
    """RETURNS (float): The confidence of an entity; None if it has none."""
    return span._.confidence if Span.has_extension("confidence") else None


def _entity(span: Span, start: int, end: int) -> Entity:
    chars = (span.start_char, span.end_char)
    return Entity((start, end, span.label_), span.text, chars, confidence_of(span))


def _counts(cells: dict[str, list[tuple[int, int]]], documents: int) -> Counts:
    labels = sorted(cells)
    array = np.zeros((3, documents, len(labels)), dtype=np.int64)
    for column, label in enumerate(labels):
        for document, kind in cells[label]:
            array[kind, document, column] += 1
    return Counts(labels, *array)
