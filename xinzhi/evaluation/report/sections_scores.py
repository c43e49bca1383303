"""The sections with scores: overview, entities, tokens, heads, real values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..matching import KINDS
from ..schemas import CATEGORIES, SCHEMAS
from .blocks import (
    Beside,
    Block,
    Cards,
    Chart,
    Charts,
    Matrix,
    Section,
    Table,
    Text,
    interval,
    number,
)
from .plots import Axis, Series, diagonal, lines, series_class

COLUMNS = ("precision", "recall", "f1")
NAMES = ("label", "precision", "recall", "F1", "95 % interval of F1", "support")
MATRIX_LABELS = 24  # more cannot be read; the JSON file has all
CURVES = 8
INTERVALS = (
    "The 95 % intervals come from drawing the documents 1,000 times with replacement: on another "
    "sample of as many documents of the same kind, expect scores in this range. n/a: not defined, "
    "such as the recall of a label that does not occur in the gold annotation."
)
FLATTERING = (
    "O is the tag of every token outside entities. It is by far the most frequent one and easy to "
    "get right, so averages with it flatter: a tagger that finds no entity at all would have an "
    "accuracy of {accuracy:.4f} here. Judge by the averages without O, and by whole entities "
    "(above), of which every token must be right."
)
PAIRING = (
    "Every gold entity is paired with the predicted one at the same place. The large number counts "
    "all pairs, the small one (≈) those of them whose boundaries differ. The last column holds "
    "gold entities that nothing was predicted for, the last row predictions where there is nothing."
)
KINDS_NOTE = (
    "correct: same boundaries and label; boundary: right label, other boundaries; type: same "
    "boundaries, other label; missed and spurious: nothing at that place on the other side. "
    "Spurious entities are counted under the predicted label, all others under the gold one."
)
SCHEMAS_NOTE = (
    "SemEval 2013 schemas as in nervaluate. strict: boundaries and label; exact: boundaries, any "
    "label; partial: boundaries, an overlap counts one half; type: label, any overlap. The "
    "distance from strict to exact is what wrong labels cost, that from strict to type what wrong "
    "boundaries cost."
)


def overview(report: Mapping[str, Any]) -> Section:
    """RETURNS (Section): The main numbers."""
    cards = []
    entities = report["entities"]
    if entities:
        ends = interval(entities["intervals"]["f1"])
        cards.append(("Entities, F1", number(entities["f1"]), f"95 %: {ends}"))
    for head, scores in report["heads"].items():
        if scores:
            ends = interval(scores["intervals"]["accuracy"])
            cards.append((f"{head}, accuracy", number(scores["accuracy"]), f"95 %: {ends}"))
    for name, scores in report["scores"].items():
        if scores:
            ends = interval(report["values"][name]["mae_interval"])
            cards.append((f"{name}, mean absolute error", number(scores["mae"]), f"95 %: {ends}"))
    speed, counts = report["speed"], report["counts"]
    per_second = f"{counts['documents'] / speed['seconds']:.1f} documents/s"
    cards.append(("Speed, characters/s", f"{speed['characters_per_second']:,.0f}", per_second))
    return Section("overview", "Overview", [Cards(cards), Text(INTERVALS)])


def entities(scores: Mapping[str, Any] | None) -> list[Section]:
    """RETURNS (list): The scores, the confusions and the kinds of errors of the entities."""
    if scores is None:
        return []
    labels = list(scores["labels"])
    kinds = scores["errors"]
    blocks: list[Block] = [_score_table(scores), *_entity_matrix(scores["confusion"])]
    table = Table(
        ("gold label", *KINDS),
        [(label, *_numbers(kinds["labels"][label], KINDS)) for label in labels],
        "Boundary errors against type errors",
        [("all", *_numbers(kinds["all"], KINDS))],
        note=KINDS_NOTE,
    )
    blocks += [table, *_schemas(scores), _frequent(scores["frequent_errors"])]
    return [Section("entities", "Entities", blocks)]


def tokens(scores: Mapping[str, Any] | None) -> list[Section]:
    """RETURNS (list): The table over BIO tags, in the order scikit-learn prints it."""
    if scores is None:
        return []
    rows = [(tag, *_cells(row)) for tag, row in scores["labels"].items()]
    total = scores["macro"]["support"] if scores["macro"] else 0
    outside = scores["labels"].get("O", {"support": 0})["support"]
    summary = [
        ("accuracy", "", "", number(scores["accuracy"]), str(total)),
        *_averages(scores, " avg", ("macro", "weighted")),
        *_averages(scores["without_O"], " avg without O", ("micro", "macro", "weighted")),
    ]
    columns = ("tag", "precision", "recall", "f1-score", "support")
    note = FLATTERING.format(accuracy=outside / total if total else 0)
    blocks: list[Block] = [Text(note), Table(columns, rows, summary=summary)]
    return [Section("tokens", "Tokens (BIO tags)", blocks)]


def head(name: str, scores: Mapping[str, Any] | None) -> Section:
    """RETURNS (Section): The scores of one classification head."""
    title = f"Head {name}"
    if scores is None:
        return Section(f"head-{name}", title, [Text("The pipeline does not predict it.")])
    ends = interval(scores["intervals"]["accuracy"])
    intro = (
        f"{scores['documents']} documents, accuracy {number(scores['accuracy'])} ({ends}), "
        f"mean area under the ROC curve {number(scores['auc'])}."
    )
    beside = Beside([*_head_matrix(scores), *_curves(scores)])
    return Section(f"head-{name}", title, [Text(intro), _score_table(scores), beside])


def values(report: Mapping[str, Any]) -> list[Section]:
    """RETURNS (list): The real values that the pipeline predicts."""
    rows, charts = [], []
    for name, scores in report["scores"].items():
        if scores is None:
            rows.append((name, *["n/a"] * 5, "0"))
            continue
        more = report["values"][name]
        measured = [number(scores[key]) for key in ("mae", "rmse", "spearman", "r2")]
        rows.append(
            (name, measured[0], interval(more["mae_interval"]), *measured[1:], str(scores["n"]))
        )
        mean = [number(scores["baseline"][key]) for key in ("mae", "rmse")]
        rows.append((f"always {scores['baseline']['value']:.4f}", mean[0], "", mean[1], "", "", ""))
        charts.append(_scatter(name, more["pairs"]))
    if not rows:
        return []
    columns = ("score", "MAE", "95 % interval", "RMSE", "Spearman", "R²", "documents")
    note = "The second row of each: the best constant, the mean of the gold values."
    return [Section("values", "Real values", [Table(columns, rows, note=note), Charts(charts)])]


def _score_table(scores: Mapping[str, Any]) -> Table:
    """Precision, recall and F1 of each label, and the averages."""
    by_label = scores["label_intervals"]
    rows, bars = [], []
    for label, row in scores["labels"].items():
        ends = by_label[label]["f1"] if row["support"] else None
        cells = _cells(row)
        rows.append((label, *cells[:3], interval(ends), cells[3]))
        bars.append((row["f1"] if row["support"] else None, ends))
    summary = []
    for name, key in (("micro", "f1"), ("macro", "macro_f1"), ("weighted", None)):
        if scores[name]:
            ends = scores["intervals"][key] if key else None
            cells = _cells(scores[name])
            summary.append((f"{name} avg", *cells[:3], interval(ends) if key else "", cells[3]))
            bars.append((scores[name]["f1"], ends))
    return Table(NAMES, rows, summary=summary, bars=bars)


def _entity_matrix(confusion: Mapping[str, Any]) -> list[Block]:
    labels = confusion["labels"]
    if len(labels) > MATRIX_LABELS:
        return [
            Text(f"{len(labels)} labels are too many for a table; the JSON file has all cells.")
        ]
    exact, overlapping = confusion["exact"], confusion["overlapping"]
    cells = [
        [a + b for a, b in zip(row, other, strict=True)]
        for row, other in zip(exact, overlapping, strict=True)
    ]
    title = "Confusion: gold (rows) against predicted (columns)"
    rows, columns = [*labels, "spurious"], [*labels, "missed"]
    return [Matrix(title, rows, columns, cells, overlapping, PAIRING)]


def _head_matrix(scores: Mapping[str, Any]) -> list[Table | Matrix]:
    confusion = scores["confusion"]
    labels = confusion["labels"]
    if not scores["exclusive"]:
        names = ("tp", "fp", "fn", "tn")
        rows = list(zip(labels, *(map(str, confusion[name]) for name in names), strict=True))
        columns = ("label", "rightly yes", "wrongly yes", "wrongly no", "rightly no")
        return [Table(columns, rows, "Decisions by label")]
    title = "Confusion: gold (rows) against predicted (columns)"
    cells = confusion["cells"]
    if len(labels) > MATRIX_LABELS:
        return [_confused(labels, cells)]
    if any(row[-1] for row in cells):
        return [Matrix(title, labels, [*labels, "none"], cells)]
    return [Matrix(title, labels, labels, [row[:-1] for row in cells])]


def _confused(labels: Sequence[str], cells: Sequence[Sequence[int]]) -> Table:
    names = [*labels, "none"]
    wrong = [(n, g, p) for g, row in enumerate(cells) for p, n in enumerate(row) if g != p and n]
    worst = sorted(wrong, key=lambda item: (-item[0], item[1:]))[:MATRIX_LABELS]
    rows = [(names[g], names[p], str(n)) for n, g, p in worst]
    return Table(("gold", "predicted", "documents"), rows, "Most frequent confusions", words=2)


def _schemas(scores: Mapping[str, Any]) -> list[Block]:
    schemas, labels = scores["schemas"], list(scores["labels"])
    columns = ("schema", *CATEGORIES, "precision", "recall", "F1")
    rows = []
    for name in SCHEMAS:
        row = schemas[name]["all"]
        rows.append((name, *_numbers(row, CATEGORIES), *(number(row[key]) for key in COLUMNS)))
    lenient = [name for name in SCHEMAS if name != "exact"]
    by_label = [
        (label, *(number(schemas[name]["labels"][label]["f1"]) for name in lenient))
        for label in labels
    ]
    note = "Each label as if there were no other, so that exact is the same as strict."
    table = Table(("label", *lenient), by_label, "F1 by label, strict and lenient", note=note)
    four = Table(columns, rows, "Four ways to count", note=SCHEMAS_NOTE)
    return [four, Beside([table, *_entity_curve(scores["threshold_curve"])])]


def _entity_curve(curve: Mapping[str, Any] | None) -> list[Charts]:
    if curve is None:
        return []
    svg = lines(
        [Series("entities", curve["recall"], curve["precision"])],
        Axis("recall", percent=True),
        Axis("precision", percent=True),
    )
    note = (
        f"By confidence; average precision {curve['average_precision']:.4f}. The curve ends at the "
        "recall that the pipeline reaches with everything it finds."
    )
    return [Charts([Chart("Precision and recall of entities", svg, note=note)])]


def _frequent(errors: Sequence[Mapping[str, Any]]) -> Table:
    rows = [
        (
            error["kind"],
            error["gold"] or "–",
            error["predicted"] or "–",
            "; ".join(_example(*pair) for pair in error["examples"]),
            str(error["n"]),
        )
        for error in errors
    ]
    columns = ("error", "gold", "predicted", "examples (gold → predicted)", "n")
    return Table(columns, rows, "Most frequent errors", words=4)


def _example(gold: str | None, predicted: str | None) -> str:
    if gold is None or predicted is None or gold == predicted:
        return gold or predicted or ""
    return f"{gold} → {predicted}"


def _curves(scores: Mapping[str, Any]) -> list[Charts]:
    ranked = sorted(scores["labels"], key=lambda label: -scores["labels"][label]["support"])
    shown = [label for label in ranked if scores["curves"][label]][:CURVES]
    curves = [scores["curves"][label] for label in shown]
    series = [
        Series(label, curve["recall"], curve["precision"])
        for label, curve in zip(shown, curves, strict=True)
    ]
    svg = lines(series, Axis("recall", percent=True), Axis("precision", percent=True))
    legend = [
        (f"{label} ({curve['average_precision']:.3f})", series_class(i))
        for i, (label, curve) in enumerate(zip(shown, curves, strict=True))
    ]
    note = "One label against the rest, by its probability; in brackets the average precision."
    return [Charts([Chart("Precision and recall by label", svg, legend, note)])] if shown else []


def _scatter(name: str, pairs: Sequence[Sequence[float]]) -> Chart:
    ends = [value for pair in pairs for value in pair]
    low, high = min(ends), max(ends)
    margin = (high - low) * 0.05 or 1.0
    x, y = (Axis(side, low - margin, high + margin) for side in ("gold", "predicted"))
    points = Series(name, [pair[0] for pair in pairs], [pair[1] for pair in pairs], dots=True)
    return Chart(f"{name}: predicted against gold", lines([points], x, y, extra=[diagonal(x, y)]))


def _averages(
    scores: Mapping[str, Any], suffix: str, names: Sequence[str]
) -> list[tuple[str, ...]]:
    return [(f"{name}{suffix}", *_cells(scores[name])) for name in names if scores[name]]


def _cells(row: Mapping[str, Any]) -> list[str]:
    return [*(number(row[key]) for key in COLUMNS), str(row["support"])]


def _numbers(row: Mapping[str, int], names: Sequence[str]) -> list[str]:
    return [str(row[name]) for name in names]
