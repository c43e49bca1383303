"""Two systems on one corpus: which is better, is it luck, and where do they differ?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ...errors import XinzhiError
from ...training.checks import check_corpus
from ..significance import Difference, Metric, compare_counts, holm
from .counts import OVERALL, Table, count
from .documents import count_documents, differing_documents
from .outcomes import read_outcomes
from .systems import read_system


@dataclass(frozen=True)
class Options:
    """How to compare.

    metric (str | None): What the verdict and the gate are about; None: the mean over the tasks, and
        for the gate every task.
    alpha (float): Below this p-value a difference is significant.
    margin (float | None): By how much B may be worse, whatever the p-value; None: no limit.
    resamples (int): How many swaps, and how many draws.
    seed (int): Of the random numbers.
    """

    metric: str | None = None
    alpha: float = 0.05
    margin: float | None = None
    resamples: int = 9999
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value, valid in (
            ("alpha", self.alpha, 0 < self.alpha < 1),
            ("margin", self.margin, self.margin is None or self.margin >= 0),
            ("resamples", self.resamples, self.resamples >= 99),
        ):
            if not valid:
                raise XinzhiError(
                    f"{name} is {value}.",
                    "alpha is from 0 to 1, margin 0 or more, resamples 99 or more.",
                )


def compare(
    a: str | Path,
    b: str | Path,
    corpus: str | Path,
    options: Options | None = None,
    gpu_id: int = -1,
) -> dict[str, Any]:
    """Compare two pipelines, or stored predictions of them, on the same documents.

    a, b (str / Path): Pipelines (folder or package), or .spacy files of predictions.
    corpus (str / Path): The gold documents, a .spacy file or a folder of them.
    options (Options): How.
    gpu_id (int): The number of the GPU that pipelines run on, -1 for the CPU.
    RETURNS (dict): "verdict" (a sentence); "metric" (that it is about), "metrics" (name -> a, b,
        difference, low, high, p, p_bootstrap, p_holm, higher_is_better, main); "gate" ("passed",
        "reasons"); "documents" (see `count_documents`), "differences" (see `differing_documents`),
        "run" (a, b, corpus and the options).
    RAISES (XinzhiError): Something cannot be read, or there is nothing to compare.
    """
    options = options or Options()
    check_corpus(corpus, "the corpus to compare on")
    systems = [read_system(source, Path(corpus), gpu_id) for source in (a, b)]
    outcomes = [read_outcomes(system) for system in systems]
    table = count(*outcomes)
    _check_table(table, options, corpus)
    metrics = _measure(table, options)
    name = options.metric or _first_of(metrics, OVERALL, *table.main)
    rows = differing_documents(systems[0].examples, *outcomes)
    documents = count_documents(rows, len(systems[0].examples))
    return {
        "verdict": describe(name, metrics[name], documents, options.alpha, table.main),
        "metric": name,
        "metrics": metrics,
        "gate": judge(metrics, [options.metric] if options.metric else table.main, options),
        "documents": documents,
        "differences": rows,
        "run": {"a": str(a), "b": str(b), "corpus": str(corpus), **asdict(options)},
    }


def judge(metrics: dict[str, dict[str, Any]], names: Sequence[str], options: Options) -> dict:
    """Decide whether B may take the place of A.

    metrics (dict): What `compare` found.
    names (Sequence): The metrics to look at; their p-values are corrected for their number.
    options (Options): alpha and margin.
    RETURNS (dict): "passed"; "reasons" (list): a sentence for each metric that fails.
    """
    known = [name for name in names if metrics[name]["p"] is not None]
    corrected = holm([metrics[name]["p"] for name in known])
    reasons = []
    for name, p in zip(known, corrected, strict=True):
        loss = -gain(metrics[name])
        if loss > 0 and p < options.alpha:
            reasons.append(f"{name} is worse by {loss:.4f}, p = {p:.4f} ({len(known)} metrics).")
        elif options.margin is not None and loss > options.margin:
            reasons.append(f"{name} is worse by {loss:.4f}, more than {options.margin:g}.")
    return {"passed": not reasons, "reasons": reasons}


def gain(row: dict[str, Any]) -> float:
    """RETURNS (float): By how much B is better than A; negative if it is worse."""
    return row["difference"] if row["higher_is_better"] else -row["difference"]


def describe(
    name: str, row: dict[str, Any], documents: dict[str, int], alpha: float, main: Sequence[str]
) -> str:
    """RETURNS (str): The verdict in one sentence: who is better, by how much, p, documents."""
    title = name if name != OVERALL else f"{name} (mean of {', '.join(main)})"
    if row["p"] is None:
        return f"{title} is not defined for both systems."
    said = "No significant difference between A and B"
    if row["p"] < alpha:
        said = f"B is {'better' if gain(row) > 0 else 'worse'} than A"
    return (
        f"{said}: {title} {row['a']:.4f} → {row['b']:.4f}, {row['difference']:+.4f} (95 % interval "
        f"{row['low']:+.4f} to {row['high']:+.4f}), p = {row['p']:.4f}; B is better on "
        f"{documents['better']} documents, worse on {documents['worse']}."
    )


def _measure(table: Table, options: Options) -> dict[str, dict[str, Any]]:
    found = compare_counts(
        *table.arrays(), table.metrics, resamples=options.resamples, seed=options.seed
    )
    rows = {
        metric.name: _row(metric, difference, table.main)
        for metric, difference in zip(table.metrics, found, strict=True)
    }
    tested = [row for row in rows.values() if row["p"] is not None]
    for row, p in zip(tested, holm([row["p"] for row in tested]), strict=True):
        row["p_holm"] = p
    return rows


def _row(metric: Metric, difference: Difference, main: Sequence[str]) -> dict[str, Any]:
    return {
        **asdict(difference),
        "p_holm": None,
        "higher_is_better": metric.higher_is_better,
        "main": metric.name in main,
    }


def _check_table(table: Table, options: Options, corpus: str | Path) -> None:
    names = [metric.name for metric in table.metrics]
    if not names:
        raise XinzhiError(
            f"There is nothing that both A and B predict and {corpus} is annotated with.",
            "Compare systems of the same task, on a corpus with its annotation.",
        )
    if options.metric and options.metric not in names:
        raise XinzhiError(
            f"There is no metric '{options.metric}' here.", f"Choose one of: {', '.join(names)}"
        )


def _first_of(metrics: dict[str, Any], *names: str) -> str:
    return next(name for name in names if name in metrics)
