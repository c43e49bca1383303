"""The sections about confidence: calibration, thresholds, abstention."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .blocks import Block, Chart, Charts, Section, Table, Text, number, percent
from .plots import Axis, Series, lines, reliability, round_top, series_class, upright

ENTITIES = "entities"
CALIBRATION = (
    "A confidence of 0.8 should be right in 80 % of the cases: bars and points on the diagonal. "
    "ECE (expected calibration error) is the mean distance from it over {bins} bins, weighted by "
    "the cases in each; “by chance” is the ECE that perfectly honest confidences would have with "
    "so few cases. AUC says how well confidence tells right from wrong, whatever its level. Faint "
    "bars: the share of the cases in each bin."
)
THRESHOLDS = (
    "What is left if everything below a threshold is dropped. Raise it for precision, lower it for "
    "recall. The dashed line is the threshold with the best F1 on these very documents; choose "
    "yours on development data (xinzhi calibrate --thresholds)."
)
COVERAGE = (
    "If the pipeline abstains where it is least sure: the share of the cases that it still decides "
    "on, and how many of these decisions are wrong. A curve far below the dashed line (abstaining "
    "at random) means that low confidence finds the errors. AURC is the mean height of the curve."
)


def confidence(report: Mapping[str, Any]) -> list[Section]:
    """RETURNS (list): The section, if anything that was scored has confidences."""
    found = {
        name: scores
        for name, scores in {ENTITIES: report["entities"], **report["heads"]}.items()
        if scores and scores["confidence"] and scores["confidence"]["n"]
    }
    if not found:
        text = Text("The components of this pipeline give no confidences.")
        return [Section("confidence", "Confidence", [text])]
    bins = next(iter(found.values()))["confidence"]["bins"]
    blocks: list[Block] = [
        Text(CALIBRATION.format(bins=bins)),
        Charts([_reliability(name, scores["confidence"]) for name, scores in found.items()]),
        _table({name: scores["confidence"] for name, scores in found.items()}),
        Text(THRESHOLDS),
        Charts(
            [
                _thresholds(name, scores["threshold_curve"])
                for name, scores in found.items()
                if scores["threshold_curve"]
            ]
        ),
    ]
    return [Section("confidence", "Confidence and thresholds", blocks), _abstention(found)]


def _table(found: Mapping[str, Mapping[str, Any]]) -> Table:
    keys = ("ece", "ece_by_chance", "auc", "accuracy")
    rows = [
        (name, *(number(scores[key]) for key in keys), str(scores["n"]))
        for name, scores in found.items()
    ]
    return Table(("", "ECE", "by chance", "AUC", "share that is right", "cases"), rows)


def _reliability(name: str, scores: Mapping[str, Any]) -> Chart:
    note = f"ECE {number(scores['ece'])}, n = {scores['n']}"
    return Chart(name, reliability(scores["reliability"]), note=note)


def _thresholds(name: str, curve: Mapping[str, Any]) -> Chart:
    series = [Series(key, curve["threshold"], curve[key]) for key in ("precision", "recall", "f1")]
    best = curve["best"]
    x, y = Axis("threshold"), Axis("score", percent=True)
    mark = upright(x, y, best["threshold"], f"F1 {best['f1']:.3f} at {best['threshold']:.2f}")
    legend = [(item.name, series_class(i)) for i, item in enumerate(series)]
    return Chart(name, lines(series, x, y, extra=[mark]), legend)


def _abstention(found: Mapping[str, Mapping[str, Any]]) -> Section:
    curves = {name: scores["risk_coverage"] for name, scores in found.items()}
    goals = [target["accuracy"] for target in next(iter(curves.values()))["targets"]]
    rows = [
        (name, *(_target(target) for target in curve["targets"]), *_areas(curve))
        for name, curve in curves.items()
    ]
    columns = ("", *(f"{goal:.0%} right" for goal in goals), "AURC", "at random", "ideal")
    note = (
        "Columns with a per cent sign: the largest share that can be decided with so many right, "
        "and the confidence it takes. n/a: not reached at any threshold."
    )
    own = [
        (name, str(scores["abstained"]["n"]), number(scores["abstained"]["accuracy"]))
        for name, scores in found.items()
        if "abstained" in scores and scores["abstained"]["n"]
    ]
    blocks: list[Block] = [
        Text(COVERAGE),
        Charts([_risk(name, curve) for name, curve in curves.items()]),
        Table(columns, rows, note=note),
    ]
    if own:
        names = ("head", "documents it abstained on", "accuracy on the others")
        blocks.append(Table(names, own, "As the pipeline is set"))
    return Section("abstention", "Abstention: risk and coverage", blocks)


def _risk(name: str, curve: Mapping[str, Any]) -> Chart:
    top = round_top(max(*curve["risk"], curve["random_aurc"]))
    x, y = Axis("share decided", percent=True), Axis("share wrong", 0.0, top, percent=True)
    chance = [curve["random_aurc"]] * 2
    series = [
        Series("at random", [0.0, 1.0], chance, style="guide"),
        Series(name, curve["coverage"], curve["risk"], style="s0"),
    ]
    return Chart(name, lines(series, x, y), note=f"AURC {number(curve['aurc'])}")


def _target(target: Mapping[str, float | None]) -> str:
    if target["coverage"] is None:
        return "n/a"
    return f"{percent(target['coverage'])} (≥ {target['threshold']:.2f})"


def _areas(curve: Mapping[str, float]) -> list[str]:
    return [number(curve[key]) for key in ("aurc", "random_aurc", "best_aurc")]
