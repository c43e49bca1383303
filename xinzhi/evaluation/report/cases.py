"""What every part of the report is computed from: entities and decisions, by document."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from spacy.tokens import Doc
from spacy.training import Example

from ...components.cats_scorer import HeadTable, Row, decisions_of, head_table
from ...head_keys import PLAIN, group_cats
from ..counts import Judged, judge
from ..evaluate import Predictions, entity_labels
from ..heads import decided_heads, stored_thresholds


@dataclass(frozen=True)
class HeadCases:
    """The decisions of one classification head.

    documents (list[int]): Numbers of the documents that are annotated for it.
    rows (list[Row]): See `components.cats_scorer.head_rows`, one for each.
    table (HeadTable): The same as arrays.
    """

    documents: list[int]
    rows: list[Row]
    table: HeadTable

    @cached_property
    def right(self) -> np.ndarray:
        """Whether all annotated labels of each document are right; booleans."""
        return ((self.table.truth == self.table.guess) | ~self.table.known).all(1)

    @cached_property
    def row_of(self) -> dict[int, int]:
        """The row of each document."""
        return {number: row for row, number in enumerate(self.documents)}

    def true_labels(self, row: int) -> list[str]:
        """RETURNS (list): The gold labels of a document."""
        return [self.table.labels[i] for i in np.flatnonzero(self.table.truth[row])]

    def decided_labels(self, row: int) -> list[str]:
        """RETURNS (list): The labels that were decided for."""
        return [self.table.labels[i] for i in np.flatnonzero(self.table.guess[row])]


@dataclass(frozen=True)
class Cases:
    """The predictions of a corpus, prepared for counting.

    predictions (Predictions): Where they come from.
    entities (list[Judged] | None): The entities of each document; None if none are scored.
    labels (list[str]): Every entity label of the pipeline and of the gold documents.
    heads (dict): Head -> its cases; only those that are scored.
    """

    predictions: Predictions
    entities: list[Judged] | None
    labels: list[str]
    heads: dict[str, HeadCases]

    @property
    def examples(self) -> list[Example]:
        """The documents, predicted and gold."""
        return self.predictions.examples


def collect(predictions: Predictions) -> Cases:
    """RETURNS (Cases): The entities and decisions of the predictions."""
    examples = predictions.examples
    entities = [judge(example) for example in examples] if predictions.scores_entities else None
    found = {e.label for doc in entities or () for e in (*doc.gold, *doc.predicted)}
    labels = sorted({*entity_labels(predictions.nlp), *found}) if entities else []
    decided = decided_heads(examples, stored_thresholds(predictions.nlp))
    heads = {
        head: HeadCases(_documents(head, examples), rows, head_table(rows))
        for head, rows in decided.items()
        if rows
    }
    return Cases(predictions, entities, labels, heads)


def record_of(doc: Doc) -> dict[str, Any]:
    """RETURNS (dict): What a gold document keeps of its record: id, source, line, meta."""
    return doc.user_data.get("record", {})


def name_of(doc: Doc, number: int) -> str:
    """RETURNS (str): How to name a document: its record, or its number from 1."""
    record = record_of(doc)
    if not record:
        return f"document {number + 1}"
    place = f"{record['source']}:{record['line']}" if record.get("source") else ""
    return f"record {record.get('id', number + 1)}" + (f" ({place})" if place else "")


def _documents(head: str, examples: list[Example]) -> list[int]:
    """The documents that `decided_heads` has rows of."""
    ours = any(head in decisions_of(example.predicted) for example in examples)
    return [
        number
        for number, example in enumerate(examples)
        if head in group_cats(example.reference.cats, plain=PLAIN)
        and (not ours or head in decisions_of(example.predicted))
    ]
