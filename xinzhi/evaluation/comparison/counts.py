"""Outcomes as a table of counts, and the metrics that are computed from its sums."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..significance import Metric, f1, macro_f1, mean_of, ratio, root_ratio
from .outcomes import HeadOutcome, Outcome

OVERALL = "overall"
Triple = tuple[int, int, int]


@dataclass
class Table:
    """Counts of both systems, and what to compute from them.

    a, b (list): The columns, one array over documents each.
    metrics (list): What can be compared.
    main (list): Names of the metric of each task: entities/f1, heads/HEAD/macro_f1,
        scores/NAME/mae.
    """

    a: list[np.ndarray] = field(default_factory=list)
    b: list[np.ndarray] = field(default_factory=list)
    metrics: list[Metric] = field(default_factory=list)
    main: list[str] = field(default_factory=list)

    def add(self, a: Sequence[Sequence[float]], b: Sequence[Sequence[float]]) -> list[int]:
        """Add columns. a, b (Sequence): Documents, columns. RETURNS (list): Their numbers."""
        first = len(self.a)
        self.a.extend(np.array(a, dtype=float).T)
        self.b.extend(np.array(b, dtype=float).T)
        return list(range(first, len(self.a)))

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """RETURNS (tuple): Counts of A and of B, shape (documents, columns)."""
        return np.stack(self.a, axis=1), np.stack(self.b, axis=1)


def count(a: Sequence[Outcome], b: Sequence[Outcome]) -> Table:
    """Count the outcomes of two systems on the same documents.

    a, b (Sequence): Outcomes of each document.
    RETURNS (Table): The counts and metrics of all that both systems predict.
    """
    table = Table()
    if all(any(o.entities for o in side) for side in (a, b)):
        counts = [[_entity_counts(o) for o in side] for side in (a, b)]
        if any(any(side) for side in counts):
            _add_labels(table, "entities", f1, counts)
            table.main.append("entities/f1")
    for head in _shared([o.heads for o in a], [o.heads for o in b]):
        _add_head(table, head, [[o.heads.get(head) for o in x] for x in (a, b)])
    for name in _shared([o.scores for o in a], [o.scores for o in b]):
        _add_score(table, name, [[o.scores.get(name) for o in x] for x in (a, b)])
    parts = [m for m in table.metrics if m.name in table.main and m.higher_is_better]
    if len(parts) > 1:
        columns = [column for metric in parts for column in metric.columns]
        table.metrics.insert(0, Metric(OVERALL, columns, mean_of(parts)))
    return table


def _add_labels(
    table: Table, task: str, formula: Callable, counts: Sequence[Sequence[dict[str, Triple]]]
) -> None:
    """Add a score over all labels, and the F-score of each."""
    labels = sorted({label for side in counts for document in side for label in document})
    rows = [
        [[n for label in labels for n in document.get(label, (0, 0, 0))] for document in side]
        for side in counts
    ]
    columns = table.add(*rows)
    name = "f1" if formula is f1 else "macro_f1"
    table.metrics.append(Metric(f"{task}/{name}", columns, formula))
    for i, label in enumerate(labels):
        table.metrics.append(Metric(f"{task}/{label}/f1", columns[3 * i : 3 * i + 3], f1))


def _add_head(table: Table, head: str, sides: Sequence[Sequence[HeadOutcome | None]]) -> None:
    task = f"heads/{head}"
    counts = [[outcome.counts if outcome else {} for outcome in side] for side in sides]
    _add_labels(table, task, macro_f1, counts)
    right = [[(int(o.is_right), 1) if o else (0, 0) for o in side] for side in sides]
    table.metrics.append(Metric(f"{task}/accuracy", table.add(*right), ratio))
    table.main.append(f"{task}/macro_f1")


def _add_score(
    table: Table, name: str, sides: Sequence[Sequence[tuple[float, float] | None]]
) -> None:
    rows = [[_errors(pair) for pair in side] for side in sides]
    absolute, squared, number = table.add(*rows)
    mae, rmse = f"scores/{name}/mae", f"scores/{name}/rmse"
    table.metrics.append(Metric(mae, [absolute, number], ratio, higher_is_better=False))
    table.metrics.append(Metric(rmse, [squared, number], root_ratio, higher_is_better=False))
    table.main.append(mae)


def _errors(pair: tuple[float, float] | None) -> tuple[float, float, int]:
    """RETURNS (tuple): Absolute error, squared error, and 1; zeros without a pair."""
    if pair is None:
        return 0.0, 0.0, 0
    error = pair[1] - pair[0]
    return abs(error), error**2, 1


def _entity_counts(outcome: Outcome) -> dict[str, Triple]:
    """RETURNS (dict): Label -> true positives, false positives, false negatives."""
    if outcome.entities is None:
        return {}
    kinds = (outcome.entities.right, outcome.entities.wrong, outcome.entities.missed)
    labels = {label for kind in kinds for *_, label in kind}
    return {label: _count(kinds, label) for label in labels}


def _count(kinds: tuple, label: str) -> Triple:
    tp, fp, fn = (sum(ent[2] == label for ent in kind) for kind in kinds)
    return tp, fp, fn


def _shared(a: Sequence[dict], b: Sequence[dict]) -> list[str]:
    """RETURNS (list): Names that occur on both sides."""
    return sorted({n for outcome in a for n in outcome} & {n for outcome in b for n in outcome})
