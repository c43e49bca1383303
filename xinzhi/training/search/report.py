"""The result of a search: search.json, and report.html, one file that needs nothing else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...files import write_json
from .charts import history_chart, importance_chart
from .space import Range
from .study import ERROR, counted

if TYPE_CHECKING:
    from optuna import Study

JSON, HTML = "search.json", "report.html"
STYLE = """
:root { color-scheme: light dark; --ink: #1c1f24; --paper: #ffffff; --faint: #d9dde3;
        --soft: #68707c; --main: #1f6feb; --second: #b35900; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --paper: #15181c; --faint: #353b44;
        --soft: #9aa3af; --main: #6ea8fe; --second: #f0a860; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
       max-width: 760px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
svg { width: 100%; height: auto; } svg text { fill: var(--ink); font-size: 12px; }
svg .tick { fill: var(--soft); } svg .grid { stroke: var(--faint); }
svg .best { fill: none; stroke: var(--main); stroke-width: 2; }
svg .complete { fill: var(--main); } svg .pruned { fill: none; stroke: var(--second); }
svg .bar { fill: var(--main); }
table { border-collapse: collapse; width: 100%; font-size: 13px; }
th, td { border-bottom: 1px solid var(--faint); padding: 4px 8px; text-align: left; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
code { font-size: 13px; overflow-wrap: anywhere; }
"""


def collect(study: Study, space: list[Range]) -> dict[str, Any]:
    """What the study holds, fit for JSON.

    RETURNS (dict): "trials" (number, state, score, values, error), "best" (number of the best
        trial, or None), "importance" (setting -> share).
    """
    trials: list[dict[str, Any]] = []
    for trial in counted(study):
        score = trial.value
        if score is None and trial.intermediate_values:
            score = max(trial.intermediate_values.values())
        known = [item for item in space if item.name in trial.params]
        trials.append(
            {
                "number": trial.number,
                "state": trial.state.name.lower(),
                "score": score,
                "values": {item.name: item.decode(trial.params[item.name]) for item in known},
                "error": trial.user_attrs.get(ERROR),
            }
        )
    complete = [trial for trial in trials if trial["state"] == "complete"]
    best = max(complete, key=lambda trial: trial["score"])["number"] if complete else None
    return {"trials": trials, "best": best, "importance": importance(study, len(complete))}


def importance(study: Study, complete: int) -> dict[str, float]:
    """How much of the differences in score each setting explains (fANOVA, Hutter et al. 2014).

    RETURNS (dict): Setting -> share; empty with fewer than four complete trials, or no difference.
    """
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    values = {trial.value for trial in study.get_trials(deepcopy=False) if trial.value is not None}
    if complete < 4 or len(values) < 2:
        return {}
    evaluator = FanovaImportanceEvaluator(seed=0)
    return dict(get_param_importances(study, evaluator=evaluator))


def write_report(output: Path, result: dict[str, Any]) -> Path:
    """Write search.json and report.html.

    output (Path): The folder of the search.
    result (dict): What `collect` returned, with "default" (values) and "comparison" (or None).
    RETURNS (Path): report.html.
    """
    write_json(output / JSON, result)
    shown = [t for t in result["trials"] if t["score"] is not None]
    points = [
        (t["number"], t["score"], t["state"]) for t in shown if t["state"] in ("complete", "pruned")
    ]
    parts = [
        "<h1>Search</h1>",
        f"<p>{escape(_summary(result))}</p>",
        "<h2>Best values</h2>",
        _values_table(result),
        "<h2>Best against default</h2>",
        _comparison(result["comparison"]),
        "<h2>History</h2>",
        history_chart(points),
        "<p>● complete ○ pruned — best so far</p>",
        "<h2>Importance</h2>",
        importance_chart(result["importance"]),
        "<h2>Trials</h2>",
        _trials_table(result),
    ]
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Search</title><style>{STYLE}</style></head><body>{''.join(parts)}</body></html>"
    )
    work = output / f".{HTML}"
    work.write_text(page, encoding="utf8")
    return work.replace(output / HTML)


def _summary(result: dict[str, Any]) -> str:
    states = [trial["state"] for trial in result["trials"]]
    counts = [(states.count(s), s) for s in ("complete", "pruned", "fail") if s in states]
    text = ", ".join(f"{count} {state}" for count, state in counts)
    best = _trial(result, result["best"])
    end = f" Best: trial {best['number']}, score {best['score']:.4f}." if best else ""
    return f"{len(states)} trials ({text}).{end}"


def _trial(result: dict[str, Any], number: int | None) -> dict[str, Any] | None:
    return next((trial for trial in result["trials"] if trial["number"] == number), None)


def _values_table(result: dict[str, Any]) -> str:
    best = _trial(result, result["best"])
    if best is None:
        return "<p>No trial is complete.</p>"
    rows = [
        (f"<code>{escape(name)}</code>", _value(value), _value(result["default"].get(name)))
        for name, value in best["values"].items()
    ]
    return _table(("setting", "best", "default"), rows)


def _comparison(comparison: dict[str, Any] | None) -> str:
    if comparison is None:
        return "<p>Not compared.</p>"
    rows = []
    for name in ("best", "default"):
        for score, s in comparison[name]["scores"].items():
            cells = [f"{s[key]:.4f}" for key in ("mean", "sd", "min", "max")]
            rows.append((name, escape(score), *cells))
    table = _table(("config", "score", "mean", "sd", "min", "max"), rows)
    return f"<p>{escape(comparison['verdict'])}</p>{table}"


def _trials_table(result: dict[str, Any]) -> str:
    names = list(result["default"])
    heads = ("trial", "state", "score", *(name.rpartition(".")[2] for name in names))
    rows = []
    for trial in sorted(result["trials"], key=lambda t: -(t["score"] or 0.0)):
        score = "" if trial["score"] is None else f"{trial['score']:.4f}"
        state = escape(trial["error"] or trial["state"])
        values = (_value(trial["values"].get(name)) for name in names)
        rows.append((str(trial["number"]), state, score, *values))
    return _table(heads, rows)


def _value(value: Any) -> str:
    text = f"{value:.4g}" if isinstance(value, float) else json.dumps(value, ensure_ascii=False)
    return escape(text)


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
