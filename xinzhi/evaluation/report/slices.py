"""Scores of parts of the corpus: by length, by metadata, by category, by what training has seen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from spacy.tokens import Doc

from ..counts import Counts, Judged, entity_counts
from ..intervals import label_intervals, mean_interval, overall_intervals
from ..metrics import label_rows
from .cases import Cases, record_of

SHOWN = 20  # slices of a field; the rest is one more
MIN_DOCUMENTS = 3  # on average in a slice: a field with fewer tells documents apart, not groups
SEEN, RELABELLED, UNSEEN = (
    "seen in training with this label",
    "seen in training, only with other labels",
    "not seen in training",
)
REST = "(all others)"
Groups = dict[str, list[int]]


def slice_scores(cases: Cases) -> dict[str, list[dict[str, Any]]]:
    """Score each slice of the corpus.

    cases (Cases): The predictions.
    RETURNS (dict): Field -> slices: "name", "documents", "entities" (precision, recall, f1, support
        and "interval" of the f1; None if there is none), "heads" (head -> accuracy, documents and
        "interval").
    """
    counts = entity_counts(cases.entities, cases.labels) if cases.entities else None
    return {
        field: [_slice(name, numbers, cases, counts) for name, numbers in groups.items()]
        for field, groups in find_slices(cases).items()
    }


def find_slices(cases: Cases) -> dict[str, Groups]:
    """Sort the documents by length, by each metadata field and by the gold label of each head.

    RETURNS (dict): Field -> name of the slice -> numbers of the documents.
    """
    docs = [example.reference for example in cases.examples]
    lengths = {number: len(doc.text) for number, doc in enumerate(docs)}
    fields = {"length in characters": by_quartile(lengths)}
    fields |= {name: by_value(values) for name, values in metadata(docs).items()}
    for head, found in cases.heads.items():
        if found.table.exclusive:
            labels = {n: found.true_labels(row)[0] for row, n in enumerate(found.documents)}
            fields[f"gold {head}"] = by_value(labels)
    return {name: groups for name, groups in fields.items() if len(groups) > 1}


def metadata(docs: Sequence[Doc]) -> dict[str, dict[int, Any]]:
    """RETURNS (dict): Metadata field -> number of a document -> its value, for plain values."""
    fields: dict[str, dict[int, Any]] = {}
    for number, doc in enumerate(docs):
        record = record_of(doc)
        found = {"file": record.get("source"), "annotator": record.get("annotator")}
        for field, value in {**found, **(record.get("meta") or {})}.items():
            if isinstance(value, (str, bool, int, float)) and value != "":
                fields.setdefault(field, {})[number] = value
    return fields


def by_value(values: Mapping[int, Any]) -> Groups:
    """Sort documents by a value: numbers with many values by quartile, anything else by value.

    RETURNS (dict): Name of the slice -> numbers; empty if the values tell no groups apart.
    """
    groups: dict[Any, list[int]] = {}
    for number, value in values.items():
        groups.setdefault(value, []).append(number)
    if len(groups) * MIN_DOCUMENTS > len(values):
        numeric = all(isinstance(value, (int, float)) for value in groups)
        return by_quartile(values) if numeric else {}
    ranked = sorted(groups.items(), key=lambda item: (-len(item[1]), str(item[0])))
    named = {str(value): numbers for value, numbers in ranked[:SHOWN]}
    rest = [number for _, numbers in ranked[SHOWN:] for number in numbers]
    return {**named, REST: sorted(rest)} if rest else named


def by_quartile(values: Mapping[int, float]) -> Groups:
    """RETURNS (dict): "low–high" -> numbers, up to four slices of about the same size."""
    ordered = np.array(list(values.values()))
    edges = np.unique(np.quantile(ordered, [0.25, 0.5, 0.75], method="higher"))
    groups: dict[int, list[int]] = {}
    for number, value in values.items():
        groups.setdefault(int(np.searchsorted(edges, value, side="left")), []).append(number)
    return {_span(values, groups[key]): groups[key] for key in sorted(groups)}


def surface_scores(
    documents: list[Judged], training: Iterable[Doc]
) -> dict[str, dict[str, Any]] | None:
    """Score entities by whether training has seen their surface.

    documents (list[Judged]): The entities of each document.
    training (Iterable[Doc]): The gold documents trained on.
    RETURNS (dict): SEEN, RELABELLED, UNSEEN -> precision, recall, f1, support and "intervals". A
        predicted entity counts where its own surface and label belong.
    """
    labels: dict[str, set[str]] = {}
    for doc in training:
        for ent in doc.ents:
            labels.setdefault(ent.text, set()).add(ent.label_)

    def kind(label: str, text: str) -> str:
        if text not in labels:
            return UNSEEN
        return SEEN if label in labels[text] else RELABELLED

    counts = entity_counts(documents, (SEEN, RELABELLED, UNSEEN), kind)
    rows = label_rows(counts.labels, *(cells.sum(0) for cells in (counts.tp, counts.fp, counts.fn)))
    intervals = label_intervals(counts)
    order = (SEEN, RELABELLED, UNSEEN)
    return {name: {**rows[name], "intervals": intervals[name]} for name in order}


def _slice(name: str, numbers: list[int], cases: Cases, counts: Counts | None) -> dict[str, Any]:
    wanted = set(numbers)
    heads = {}
    for head, found in cases.heads.items():
        right = found.right[[number in wanted for number in found.documents]]
        if len(right):
            interval = mean_interval(right)
            accuracy = float(right.mean())
            heads[head] = {"accuracy": accuracy, "documents": len(right), "interval": interval}
    entities = _entities(counts, numbers) if counts else None
    return {"name": name, "documents": len(numbers), "entities": entities, "heads": heads}


def _entities(counts: Counts, numbers: list[int]) -> dict[str, Any]:
    mine = Counts(counts.labels, counts.tp[numbers], counts.fp[numbers], counts.fn[numbers])
    totals = [cells.sum(keepdims=True).reshape(1) for cells in (mine.tp, mine.fp, mine.fn)]
    return {**label_rows(["all"], *totals)["all"], "interval": overall_intervals(mine)["f1"]}


def _span(values: Mapping[int, float], numbers: list[int]) -> str:
    found = [values[number] for number in numbers]
    low, high = min(found), max(found)
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"
