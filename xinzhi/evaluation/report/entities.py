"""The part of the report about entities."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ..confidence import entity_cases
from ..counts import Judged, entity_counts
from ..curves import risk_coverage, threshold_curve
from ..intervals import label_intervals, overall_intervals
from ..matching import CORRECT, Pair, entity_confusion, error_kinds, pair_entities
from ..metrics import average_rows
from ..schemas import schema_scores

LISTED = 20  # kinds of errors
EXAMPLES = 3  # of each


def entity_detail(documents: list[Judged], labels: list[str]) -> dict[str, Any]:
    """What the report adds to the scores of the entities.

    documents (list[Judged]): The entities of each document.
    labels (list[str]): Every label.
    RETURNS (dict): "micro", "macro", "weighted" (as seqeval prints them), "intervals" and
        "label_intervals", "confusion", "errors", "frequent_errors", "schemas", "threshold_curve",
        "risk_coverage". The last two are None without confidences.
    """
    counts = entity_counts(documents, labels)
    pairs = [pair for doc in documents for pair in pair_entities(doc)]
    confidence, correct = entity_cases(documents)
    n_gold = sum(len(doc.gold) for doc in documents)
    return {
        **average_rows(*(cells.sum(0) for cells in (counts.tp, counts.fp, counts.fn))),
        "intervals": overall_intervals(counts),
        "label_intervals": label_intervals(counts),
        "confusion": entity_confusion(pairs, labels),
        "errors": error_kinds(pairs, labels),
        "frequent_errors": frequent_errors(pairs),
        "schemas": schema_scores(documents, labels),
        "threshold_curve": threshold_curve(confidence, correct, n_gold),
        "risk_coverage": risk_coverage(confidence, correct),
    }


def frequent_errors(pairs: list[Pair]) -> list[dict[str, Any]]:
    """Errors of the same kind together, the most frequent first.

    RETURNS (list): "kind", "gold" and "predicted" (labels, None if there is none), "n", "examples":
        gold and predicted surfaces.
    """
    groups: dict[tuple[str, str | None, str | None], list[Pair]] = {}
    for pair in pairs:
        if pair.kind != CORRECT:
            gold = pair.gold.label if pair.gold else None
            predicted = pair.predicted.label if pair.predicted else None
            groups.setdefault((pair.kind, gold, predicted), []).append(pair)
    ranked = sorted(groups.items(), key=lambda item: -len(item[1]))
    return [
        {"kind": k, "gold": g, "predicted": p, "n": len(found), "examples": _examples(found)}
        for (k, g, p), found in ranked[:LISTED]
    ]


def _examples(pairs: list[Pair]) -> list[list[str | None]]:
    surfaces = Counter(
        (p.gold.text if p.gold else None, p.predicted.text if p.predicted else None) for p in pairs
    )
    return [list(pair) for pair, _ in surfaces.most_common(EXAMPLES)]
