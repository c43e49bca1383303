"""Scores of classification heads, none overwriting another."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from spacy.tokens import Doc
from spacy.training import Example

from .heads import group_cats
from .metrics import mean_or_none, prf, roc_auc

Row = tuple[dict[str, float], str | list[str], dict[str, float]]


def cats_score(examples: Iterable[Example], **_: Any) -> dict[str, Any]:
    """Score all heads that were predicted, each on the documents that are annotated for it.

    The heads are read from the predicted documents, so that every `xinzhi_cats` of a pipeline
    returns the scores of all, and several instances agree.

    RETURNS (dict): "cats_heads": head -> scores (see `score_head`); "cats_HEAD_acc",
        "cats_HEAD_macro_f" and "cats_HEAD_auc" for each head; "cats_score": the mean macro-F of the
        heads. Values are None if there is nothing to score.
    """
    rows: dict[str, list[Row]] = {}
    for example in examples:
        gold = group_cats(example.reference.cats)
        predicted = group_cats(example.predicted.cats)
        for head, decision in decisions_of(example.predicted).items():
            rows.setdefault(head, [])
            if head in gold:
                rows[head].append((gold[head], decision, predicted.get(head, {})))
    heads = {head: score_head(rows[head]) for head in sorted(rows)}
    scores: dict[str, Any] = {"cats_heads": heads}
    for name, values in heads.items():
        for key in ("acc", "macro_f", "auc"):
            scores[f"cats_{name}_{key}"] = values[key]
    scores["cats_score"] = mean_or_none([values["macro_f"] for values in heads.values()])
    return scores


def decisions_of(doc: Doc) -> dict[str, str | list[str]]:
    """RETURNS (dict): head -> decision; empty if no `xinzhi_cats` has seen the document."""
    return doc._.decisions if Doc.has_extension("decisions") else {}


def score_head(rows: list[Row]) -> dict[str, Any]:
    """Score one head.

    rows (list): Per annotated document the gold values by label, the decision (a label, or a list
        of labels if the head is not exclusive) and the predicted probabilities by label.
    RETURNS (dict): "acc" (of a head that is not exclusive: all labels right), "macro_f" (over the
        labels that occur in gold or in a decision), "auc" (mean over the labels of one against the
        rest), "n" (documents), "per_label": label -> p, r, f, auc, support.
    """
    if not rows:
        return {"acc": None, "macro_f": None, "auc": None, "n": 0, "per_label": {}}
    labels = sorted({label for gold, _, probs in rows for label in (*gold, *probs)})
    exclusive = isinstance(rows[0][1], str)
    value = np.array([[gold.get(label, np.nan) for label in labels] for gold, _, _ in rows])
    known = np.ones_like(value, dtype=bool) if exclusive else ~np.isnan(value)
    truth = _truth(value, exclusive)
    chosen = [[decision] if isinstance(decision, str) else decision for _, decision, _ in rows]
    guess = np.array([[label in decision for label in labels] for decision in chosen])
    prob = np.array([[probs.get(label, 0.0) for label in labels] for _, _, probs in rows])
    per_label = {}
    for i, label in enumerate(labels):
        k = known[:, i]
        per_label[label] = _score_label(truth[k, i], guess[k, i], prob[k, i])
    seen = [i for i in range(len(labels)) if (truth | guess)[known[:, i], i].any()]
    return {
        "acc": float(((truth == guess) | ~known).all(1).mean()),
        "macro_f": float(np.mean([per_label[labels[i]]["f"] for i in seen])) if seen else None,
        "auc": mean_or_none([scores["auc"] for scores in per_label.values()]),
        "n": len(rows),
        "per_label": per_label,
    }


def _truth(value: np.ndarray, exclusive: bool) -> np.ndarray:
    """Which labels are true: the highest of an exclusive head, else all from 0.5 on."""
    value = np.nan_to_num(value)
    if not exclusive:
        return value >= 0.5
    return np.arange(value.shape[1]) == value.argmax(1)[:, None]


def _score_label(truth: np.ndarray, guess: np.ndarray, prob: np.ndarray) -> dict[str, Any]:
    tp, fp, fn = (truth & guess).sum(), (~truth & guess).sum(), (truth & ~guess).sum()
    scores: dict[str, Any] = prf(int(tp), int(fp), int(fn))
    return {**scores, "auc": roc_auc(truth, prob), "support": int(truth.sum())}
