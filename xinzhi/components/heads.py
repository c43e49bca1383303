"""Named classification heads, and their keys "head/label" in `doc.cats`."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from spacy.tokens import Doc

from ..errors import XinzhiError
from ..head_keys import group_cats, is_head_name, join_key
from .base import record_of

TOLERANCE = 1e-3


@dataclass
class Head:
    """One classification.

    name (str): Its name; may not contain "/".
    labels (list): Its labels.
    exclusive (bool): Whether exactly one label is true of a document.
    """

    name: str
    labels: list[str]
    exclusive: bool

    @property
    def keys(self) -> list[str]:
        """RETURNS (list): The keys of the labels in `doc.cats`."""
        return [join_key(self.name, label) for label in self.labels]

    def to_dict(self) -> dict[str, Any]:
        """RETURNS (dict): As in a config: labels and exclusive."""
        return {"labels": list(self.labels), "exclusive": self.exclusive}


def check_values(doc: Doc, head: str, values: dict[str, float]) -> None:
    """Check the gold values of one head.

    RAISES (XinzhiError): If a value is not a number from 0 to 1.
    """
    for label, value in values.items():
        number = isinstance(value, (bool, int, float)) and not math.isnan(value)
        if not (number and 0 <= value <= 1):
            raise XinzhiError(
                f"{record_of(doc)}: cats[{join_key(head, label)!r}] is {value!r}.",
                "Gold values must be numbers from 0 to 1; leave the keys of a head out if it is "
                "not annotated.",
            )


def check_exclusive(doc: Doc, head: str, values: dict[str, float]) -> None:
    """Check that the gold values of an exclusive head are one label, or a distribution.

    RAISES (XinzhiError): If they do not sum to 1.
    """
    if abs(sum(values.values()) - 1) <= TOLERANCE:
        return
    positive = [label for label, value in values.items() if value > 0]
    count = f"{len(positive)} gold labels ({', '.join(positive)})" if positive else "no gold label"
    raise XinzhiError(
        f"{record_of(doc)}: the exclusive head '{head}' has {count}.",
        "Give it exactly one, remove all its keys if it is not annotated, or declare the head "
        "with exclusive = false.",
    )


def check_gold(doc: Doc, head: str, values: dict[str, float], exclusive: bool) -> None:
    """Check the gold values of one head of a document that is scored; none at all are fine.

    RAISES (XinzhiError): If a value is not a number from 0 to 1, or those of an exclusive head do
        not sum to 1.
    """
    check_values(doc, head, values)
    if exclusive and values:
        check_exclusive(doc, head, values)


@dataclass
class HeadStatistics:
    """What the training data says about one head."""

    positives: Counter[str] = field(default_factory=Counter)
    n_docs: int = 0
    one_each: bool = True

    def add(self, values: dict[str, float]) -> None:
        """Count one annotated document."""
        positive = [label for label, value in values.items() if value >= 0.5]
        self.positives.update(dict.fromkeys(values, 0))
        self.positives.update(positive)
        self.one_each = self.one_each and len(positive) == 1
        self.n_docs += 1


def read_head_statistics(docs: Iterable[Doc], names: list[str] | None) -> dict[str, HeadStatistics]:
    """Go through gold documents.

    names (list): The heads to look at; all, if None.
    RETURNS (dict): Statistics by head.
    RAISES (XinzhiError): If a value is not a number from 0 to 1.
    """
    statistics: dict[str, HeadStatistics] = {}
    for doc in docs:
        for head, values in group_cats(doc.cats).items():
            if names is None or head in names:
                check_values(doc, head, values)
                statistics.setdefault(head, HeadStatistics()).add(values)
    return statistics


def settle_heads(
    declared: dict[str, dict[str, Any]] | None, statistics: dict[str, HeadStatistics]
) -> list[Head]:
    """Combine what the config declares with what the data shows; the config wins.

    declared (dict): name -> {"labels": […], "exclusive": …}, both optional; None for every head of
        the data.
    statistics (dict): From `read_head_statistics`.
    RETURNS (list): The heads. A head is exclusive by default if it has two labels or more and every
        annotated document has exactly one of them.
    RAISES (XinzhiError): If a head cannot be set up.
    """
    names = sorted(statistics) if declared is None else list(declared)
    if not names:
        raise XinzhiError(
            "No document of the training data has a category of the form 'head/label'.",
            "Add cats such as 'topic/traffic' to the corpus, or declare the heads in the config.",
        )
    heads = []
    for name in names:
        setting = (declared or {}).get(name, {})
        seen = statistics.get(name, HeadStatistics())
        labels = list(setting.get("labels") or sorted(seen.positives))
        default = len(labels) > 1 and seen.n_docs > 0 and seen.one_each
        heads.append(Head(name, labels, bool(setting.get("exclusive", default))))
    for head in heads:
        check_head(head)
    return heads


def check_head(head: Head) -> None:
    """RAISES (XinzhiError): If a head has no usable name or labels."""
    if not is_head_name(head.name):
        raise XinzhiError(f"{head.name!r} cannot be the name of a head.", "Use a name without '/'.")
    if not head.labels:
        raise XinzhiError(
            f"Head '{head.name}' has no labels: none are declared and no document has one.",
            f"Declare its labels in the config, or add cats '{head.name}/…' to the corpus.",
        )
    if len(set(head.labels)) < len(head.labels):
        raise XinzhiError(f"Head '{head.name}' declares a label twice.", "Remove the duplicate.")
    if head.exclusive and len(head.labels) == 1:
        raise XinzhiError(
            f"Head '{head.name}' is exclusive but has only the label '{head.labels[0]}', which "
            "would always be true.",
            "Add its other labels, or declare it with exclusive = false (then the label is a "
            "yes/no decision).",
        )


@dataclass(frozen=True)
class GoldHead:
    """Gold annotation of one head in a batch.

    target (ndarray): Gold values, shape (documents, labels).
    annotated (ndarray): Which of them are known, same shape.
    """

    target: np.ndarray
    annotated: np.ndarray

    def count(self, head: Head) -> int:
        """RETURNS (int): Over how many items the loss is a mean: annotated documents of an
        exclusive head, annotated labels of any other."""
        return int((self.annotated.any(1) if head.exclusive else self.annotated).sum())


def read_gold_head(
    docs: list[Doc], cats: list[dict[str, dict[str, float]]], head: Head
) -> GoldHead | None:
    """Read the gold values of one head.

    An exclusive head is annotated as a whole (a label without a key is 0), the labels of any other
    head one by one.

    docs (list): The gold documents.
    cats (list): Their `group_cats`.
    RETURNS (GoldHead): The annotation; None if no document has any.
    RAISES (XinzhiError): If a value is wrong, or a label is unknown.
    """
    numbers = {label: i for i, label in enumerate(head.labels)}
    target = np.zeros((len(docs), len(head.labels)), dtype=np.float32)
    annotated = np.zeros(target.shape, dtype=bool)
    for row, doc in enumerate(docs):
        values = cats[row].get(head.name)
        if not values:
            continue
        check_values(doc, head.name, values)
        for label, value in values.items():
            if label in numbers:
                target[row, numbers[label]] = value
                annotated[row, numbers[label]] = True
            elif value > 0:
                raise XinzhiError(
                    f"{record_of(doc)}: '{label}' is not among the {len(numbers)} labels of head "
                    f"'{head.name}'.",
                    "Correct the label, or call add_label() before training on it.",
                )
        if head.exclusive:
            check_exclusive(doc, head.name, values)
            annotated[row] = True
    return GoldHead(target, annotated) if annotated.any() else None
