"""Scores of classification heads, none overwriting another."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from spacy.training import Example

from .heads import group_cats
from .metrics import mean_or_none, prf, roc_auc


def cats_score(examples: Iterable[Example], **_: Any) -> dict[str, Any]:
    """Score all heads that were predicted, each on the documents that are annotated for it.

    The heads are read from the predicted documents, so that every `xinzhi_cats` of a pipeline
    returns the scores of all, and several instances agree.

    RETURNS (dict): "cats_heads": head -> scores (see `score_head`); "cats_HEAD_acc",
        "cats_HEAD_macro_f" and "cats_HEAD_auc" for each head; "cats_score": the mean macro-F of the
        heads. Values are None if there is nothing to score.
    """
    pairs = [(group_cats(eg.reference.cats), eg.predicted) for eg in examples]
    heads: dict[str, dict[str, Any]] = {}
    for name in sorted({name for _, doc in pairs for name in doc._.decisions}):
        rows = [
            (gold[name], doc._.decisions[name], group_cats(doc.cats).get(name, {}))
            for gold, doc in pairs
            if name in gold and name in doc._.decisions
        ]
        heads[name] = score_head(rows)
    scores: dict[str, Any] = {"cats_heads": heads}
    for name, values in heads.items():
        for key in ("acc", "macro_f", "auc"):
            scores[f"cats_{name}_{key}"] = values[key]
    scores["cats_score"] = mean_or_none([values["macro_f"] for values in heads.values()])
    return scores


def score_head(
    rows: list[tuple[dict[str, float], str | list[str], dict[str, float]]],
) -> dict[str, Any]:
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
