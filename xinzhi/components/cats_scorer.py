"""Scores of classification heads, none overwriting another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from spacy.tokens import Doc
from spacy.training import Example

from ..head_keys import group_cats
from .heads import check_gold
from .metrics import averages, mean_or_none, prf, roc_auc

Decision = str | list[str]
Row = tuple[dict[str, float], Decision, dict[str, float]]


def cats_score(examples: Iterable[Example], **_: Any) -> dict[str, Any]:
    """Score all heads that were predicted, each on the documents that are annotated for it.

    The heads are read from the predicted documents, so that every `xinzhi_cats` of a pipeline
    returns the scores of all, and several instances agree.

    RETURNS (dict): "cats_heads": head -> scores (see `score_head`); "cats_HEAD_acc",
        "cats_HEAD_macro_f" and "cats_HEAD_auc" for each head; "cats_score": the mean macro-F of the
        heads. Values are None if there is nothing to score.
    RAISES (XinzhiError): If a gold value is wrong, as in training.
    """
    rows = head_rows(examples)
    heads = {head: score_head(rows[head]) for head in sorted(rows)}
    scores: dict[str, Any] = {"cats_heads": heads}
    for name, values in heads.items():
        for key in ("acc", "macro_f", "auc"):
            scores[f"cats_{name}_{key}"] = values[key]
    scores["cats_score"] = mean_or_none([values["macro_f"] for values in heads.values()])
    return scores


def head_rows(examples: Iterable[Example]) -> dict[str, list[Row]]:
    """Put gold values, decisions and probabilities side by side.

    RETURNS (dict): Every head that was decided -> per annotated document the gold values by label,
        the decision (a label, or a list of labels if the head is not exclusive) and the predicted
        probabilities by label.
    RAISES (XinzhiError): If a gold value is no number from 0 to 1, or those of an exclusive head
        are not one label.
    """
    rows: dict[str, list[Row]] = {}
    for example in examples:
        gold = group_cats(example.reference.cats)
        predicted = group_cats(example.predicted.cats)
        for head, decision in decisions_of(example.predicted).items():
            rows.setdefault(head, [])
            if head in gold:
                check_gold(example.reference, head, gold[head], isinstance(decision, str))
                rows[head].append((gold[head], decision, predicted.get(head, {})))
    return rows


def decisions_of(doc: Doc) -> dict[str, Decision]:
    """RETURNS (dict): head -> decision; empty if no `xinzhi_cats` has seen the document."""
    return doc._.decisions if Doc.has_extension("decisions") else {}


@dataclass(frozen=True)
class HeadTable:
    """One head over the documents that are annotated for it, as arrays (documents, labels).

    labels (list): All labels of the gold values and of the predictions. (A decision may be "": none
        at all.)
    exclusive (bool): Whether exactly one label is true of a document.
    truth (ndarray): Which labels are true: the highest gold value of an exclusive head, else all
        from 0.5 on.
    guess (ndarray): Which labels were decided for.
    known (ndarray): Which labels are annotated.
    prob (ndarray): Predicted probabilities.
    """

    labels: list[str]
    exclusive: bool
    truth: np.ndarray
    guess: np.ndarray
    known: np.ndarray
    prob: np.ndarray

    def counts(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """RETURNS (tuple): True positives, false positives, false negatives, shape (labels,)."""
        tp = self.truth & self.guess & self.known
        fp = ~self.truth & self.guess & self.known
        fn = self.truth & ~self.guess & self.known
        return tp.sum(0), fp.sum(0), fn.sum(0)

    def accuracy(self) -> float:
        """RETURNS (float): The share of the documents all of whose annotated labels are right."""
        return float(((self.truth == self.guess) | ~self.known).all(1).mean())

    def auc(self) -> list[float | None]:
        """RETURNS (list): Area under the ROC curve of each label against the rest."""
        columns = zip(self.truth.T, self.prob.T, self.known.T, strict=True)
        return [roc_auc(truth[known], prob[known]) for truth, prob, known in columns]


def head_table(rows: list[Row]) -> HeadTable:
    """RETURNS (HeadTable): The rows of one head (see `head_rows`), at least one, as arrays."""
    chosen = [[decision] if isinstance(decision, str) else decision for _, decision, _ in rows]
    named = [(*g, *p, *c) for (g, _, p), c in zip(rows, chosen, strict=True)]
    labels = sorted({label for row in named for label in row if label})
    exclusive = isinstance(rows[0][1], str)
    value = np.array([[gold.get(label, np.nan) for label in labels] for gold, _, _ in rows])
    known = np.ones_like(value, dtype=bool) if exclusive else ~np.isnan(value)
    value = np.nan_to_num(value)
    highest = np.arange(len(labels)) == value.argmax(1)[:, None]
    guess = np.array([[label in decision for label in labels] for decision in chosen])
    prob = np.array([[probs.get(label, 0.0) for label in labels] for _, _, probs in rows])
    return HeadTable(labels, exclusive, highest if exclusive else value >= 0.5, guess, known, prob)


def score_head(rows: list[Row]) -> dict[str, Any]:
    """Score one head.

    rows (list): See `head_rows`.
    RETURNS (dict): "acc" (of a head that is not exclusive: all labels right), "macro_f" (see
        `metrics.averages`), "auc" (mean over the labels of one against the rest), "n" (documents),
        "per_label": label -> p, r, f, auc, support.
    """
    if not rows:
        return {"acc": None, "macro_f": None, "auc": None, "n": 0, "per_label": {}}
    table = head_table(rows)
    tp, fp, fn = table.counts()
    macro, auc = averages(tp, fp, fn)["macro"], table.auc()
    columns = zip(table.labels, tp.tolist(), fp.tolist(), fn.tolist(), auc, strict=True)
    return {
        "acc": table.accuracy(),
        "macro_f": macro["f"] if macro else None,
        "auc": mean_or_none(auc),
        "n": len(rows),
        "per_label": {
            label: {**prf(*counts), "auc": area, "support": counts[0] + counts[2]}
            for label, *counts, area in columns
        },
    }
