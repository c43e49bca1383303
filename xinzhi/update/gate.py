"""May the candidate take the place of the old pipeline? Every label is looked at on its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ..evaluation.comparison.compare import Options as Comparison
from ..evaluation.comparison.compare import gain, judge
from ..evaluation.comparison.counts import OVERALL
from ..evaluation.significance import holm
from ..training.labels import Labels
from .options import Options

Row = dict[str, Any]


@dataclass
class Verdict:
    """What the gate says.

    reasons (list): Why the candidate is refused; empty if it is not.
    old (list): A row for every label that the old pipeline knew: "label", "a" (old), "b"
        (candidate), "difference", "low", "high", "p", "passed".
    new (list): The same for the labels that are new, "p" corrected for their number.
    untested (list): Old labels that the test texts say nothing about.
    """

    reasons: list[str] = field(default_factory=list)
    old: list[Row] = field(default_factory=list)
    new: list[Row] = field(default_factory=list)
    untested: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """RETURNS (bool): Whether the candidate may be promoted."""
        return not self.reasons

    def to_dict(self) -> dict[str, Any]:
        """RETURNS (dict): For JSON."""
        return {"passed": self.passed, **asdict(self)}


def judge_update(
    metrics: Mapping[str, Row],
    old: Labels,
    new: Labels,
    options: Options,
    baselines: Mapping[str, Row] | None = None,
) -> Verdict:
    """Decide on a candidate.

    Old labels: the F-score of none falls by more than the margin, and no real value gets
    significantly worse. New labels: the F-score of each rises, with p < alpha by the paired test
    (corrected for their number). Without new labels, the mean over the tasks has to rise, and no
    task may be significantly worse.

    metrics (Mapping): Of `compare`, old pipeline against candidate.
    old, new (Labels): What the old pipeline knew, and what it did not.
    options (Options): margin and alpha.
    baselines (Mapping): New head -> its comparison with the answer that is always the same.
    RETURNS (Verdict): The verdict.
    """
    verdict = Verdict()
    for name in old.names:
        _judge_old(verdict, name, metrics.get(f"{name}/f1"), options.margin)
    rows = {name: metrics.get(f"{name}/f1") for name in new.names}
    rows |= {f"heads/{name}": (baselines or {}).get(name) for name, *_ in new.heads}
    _judge_new(verdict, rows, options.alpha)
    tasks = [n for n, row in metrics.items() if row["main"]]
    if new:
        tasks = [name for name in tasks if name.startswith("scores/")]
    verdict.reasons += judge(dict(metrics), tasks, Comparison(alpha=options.alpha))["reasons"]
    if not new:
        _judge_whole(verdict, metrics, tasks)
    return verdict


def _judge_old(verdict: Verdict, name: str, row: Row | None, margin: float) -> None:
    if row is None or row["difference"] is None:
        verdict.untested.append(name)
        return
    passed = -row["difference"] <= margin
    verdict.old.append(_row(name, row, row["p"], passed))
    if not passed:
        verdict.reasons.append(
            f"{name} falls from {row['a']:.4f} to {row['b']:.4f} (p = {row['p']:.4f}), by more "
            f"than {margin:g}."
        )


def _judge_new(verdict: Verdict, rows: Mapping[str, Row | None], alpha: float) -> None:
    found = {n: row for n, row in rows.items() if row and row["difference"] is not None}
    corrected = holm([row["p"] for row in found.values()])
    for (name, row), p in zip(found.items(), corrected, strict=True):
        passed = row["difference"] > 0 and p < alpha
        verdict.new.append(_row(name, row, p, passed))
        if not passed:
            verdict.reasons.append(
                f"{name} is new and has not been learned: {row['a']:.4f} → {row['b']:.4f}, "
                f"p = {p:.4f}."
            )
    for name in rows:
        if name not in found:
            verdict.reasons.append(f"{name} is new, and no test text has it.")


def _judge_whole(verdict: Verdict, metrics: Mapping[str, Row], tasks: Sequence[str]) -> None:
    name = OVERALL if OVERALL in metrics else next(iter(tasks), "")
    row = metrics.get(name)
    if row is None or row["difference"] is None or gain(row) <= 0:
        verdict.reasons.append(f"{name or 'The whole'} has not improved.")


def _row(name: str, row: Row, p: float, passed: bool) -> Row:
    values = {key: row[key] for key in ("a", "b", "difference", "low", "high")}
    return {"label": name, **values, "p": p, "passed": passed}
