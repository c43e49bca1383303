"""Gold entities of a batch, with everything that is not annotated left open."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from spacy.tokens import Doc
from spacy.training import Example

from ..errors import XinzhiError
from ..layers import bioes
from .base import record_of

INSIDE_IOB, OUTSIDE_IOB, BEGIN_IOB = 1, 2, 3  # values of token.ent_iob; 0 is missing


@dataclass(frozen=True)
class GoldEntities:
    """Gold annotation of a batch.

    tags (ndarray): Tag numbers in flat order, `bioes.MISSING` where nothing is known.
    lengths (ndarray): Tokens per document.
    incorrect (ndarray): Spans known to be no entity: rows of first token, last token (flat
        positions) and label number, -1 for any label.
    """

    tags: np.ndarray
    lengths: np.ndarray
    incorrect: np.ndarray


def read_gold_entities(
    examples: list[Example], labels: tuple[str, ...], incorrect_spans_key: str | None
) -> GoldEntities | None:
    """Read the gold annotation of a batch.

    examples (list): The batch.
    labels (tuple): The labels of the component.
    incorrect_spans_key (str): Key of `doc.spans` for spans known to be no entity of their label, or
        of any label if they have none.
    RETURNS (GoldEntities): The annotation; None if there is none in the whole batch.
    RAISES (XinzhiError): If a label is unknown.
    """
    numbers = {label: i for i, label in enumerate(labels)}
    tags = np.concatenate([gold_tags(example, numbers) for example in examples])
    incorrect = _incorrect_spans(examples, numbers, incorrect_spans_key)
    if not len(incorrect) and (tags == bioes.MISSING).all():
        return None
    lengths = np.array([len(example.predicted) for example in examples], dtype=np.int64)
    return GoldEntities(tags, lengths, incorrect)


def gold_tags(example: Example, numbers: dict[str, int]) -> np.ndarray:
    """Tag the predicted tokens of one example.

    Missing are: tokens that are not annotated, and tokens of an entity whose boundaries are no
    token boundaries of the prediction. Blocked tokens are outside.

    numbers (dict): Number of each label.
    RETURNS (ndarray): Tag numbers, shape (tokens,).
    RAISES (XinzhiError): If a label is unknown.
    """
    tags = np.full(len(example.predicted), bioes.MISSING, dtype=np.int64)
    reference = example.reference
    if not len(tags) or not reference.has_annotation("ENT_IOB"):
        return tags
    spans = []
    for ent in reference.ents:
        if ent.label_ not in numbers:
            raise XinzhiError(
                f"{record_of(reference)}: entity {ent.text!r} has the label {ent.label_!r}, which "
                f"is not among the {len(numbers)} labels of the component.",
                "Correct the label, or call add_label() before training on it.",
            )
    for ent in example.get_aligned_spans_y2x(reference.ents, allow_overlap=False):
        spans.append((ent.start, ent.end, numbers[ent.label_]))
    outside = _outside(example)
    tags[outside] = bioes.OUTSIDE
    rows = np.array(spans, dtype=np.int64).reshape(-1, 3)
    inside = bioes.spans_to_tags(len(tags), rows, len(numbers), default=bioes.MISSING)
    return np.where(inside == bioes.MISSING, tags, inside)


def count_tags(doc: Doc, counts: Counter[tuple[str, str]]) -> None:
    """Count the tags of a gold document.

    doc (Doc): Tokens without entity annotation are left out.
    counts (Counter): (prefix, label) -> number, ("O", "") for tokens outside entities; added to.
    """
    if not len(doc):
        return
    iob, kind = _ent_arrays(doc)
    counts["O", ""] += int(((iob == OUTSIDE_IOB) | ((iob == BEGIN_IOB) & (kind == 0))).sum())
    for ent in doc.ents:
        if len(ent) == 1:
            counts["S", ent.label_] += 1
        else:
            counts["B", ent.label_] += 1
            counts["I", ent.label_] += len(ent) - 2
            counts["E", ent.label_] += 1


def _outside(example: Example) -> np.ndarray:
    """Predicted tokens of which every gold token is outside entities (or blocked)."""
    iob, kind = _ent_arrays(example.reference)
    outside = (iob == OUTSIDE_IOB) | ((iob == BEGIN_IOB) & (kind == 0))
    if example.predicted.text == example.reference.text and len(iob) == len(example.predicted):
        return outside
    x2y = example.alignment.x2y
    known = np.array([len(x2y[i]) > 0 for i in range(len(example.predicted))])
    every = np.array([bool(outside[x2y[i]].all()) for i in range(len(example.predicted))])
    spaces = np.array([token.is_space for token in example.predicted])
    return (known & every) | (~known & spaces)


def _ent_arrays(doc: Doc) -> tuple[np.ndarray, np.ndarray]:
    array = doc.to_array(["ENT_IOB", "ENT_TYPE"])
    return array[:, 0], array[:, 1]


def _incorrect_spans(
    examples: list[Example], numbers: dict[str, int], key: str | None
) -> np.ndarray:
    rows: list[tuple[int, int, int]] = []
    offset = 0
    for example in examples:
        spans = list(example.reference.spans[key]) if key in example.reference.spans else []
        for span in example.get_aligned_spans_y2x(spans, allow_overlap=True):
            if span.label_ in numbers or not span.label_:
                label = numbers.get(span.label_, -1)
                rows.append((offset + span.start, offset + span.end - 1, label))
        offset += len(example.predicted)
    return np.array(rows, dtype=np.int64).reshape(-1, 3)
