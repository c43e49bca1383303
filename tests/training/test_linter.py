"""Every rule: a config that triggers it, and one that does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.tokens import DocBin
from spacy.util import load_config

from xinzhi.errors import XinzhiError
from xinzhi.training.linter import ERROR, RULES, Finding, lint
from xinzhi.training.train import report_lint

from .conftest import write_corpus

CONFIGS = Path(__file__).parents[2] / "configs"
WHOLE = [path for path in sorted(CONFIGS.rglob("*.cfg")) if path.parent.name != "parts"]
RATE = "training.optimizer.learn_rate"
CONSTANT = {f"{RATE}": 1e-3}
ENCODER = "components.transformer.model"
# rule, level, what makes it speak, what does not (both on top of ours.cfg, which is clean)
CASES: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    ("transformer-rate", "error", {RATE: 1e-3}, {RATE: 9e-4}),
    ("transformer-rate", "error", {RATE: 2e-4, f"{ENCODER}.lr_scale": 1.0}, {RATE: 2e-4}),
    (
        "transformer-rate",
        "warning",
        {f"{RATE}.initial_rate": 0.006},
        {f"{RATE}.initial_rate": 0.003},
    ),
    ("warm-up", "warning", {RATE: 2e-4}, {}),
    ("warm-up", "warning", {f"{RATE}.warmup_steps": 0}, {f"{RATE}.warmup_steps": 2}),
    ("schedule-too-short", "warning", {f"{RATE}.total_steps": 15}, {f"{RATE}.total_steps": 20}),
    ("warm-up-too-long", "warning", {f"{RATE}.warmup_steps": 30}, {f"{RATE}.warmup_steps": 10}),
    ("eval-frequency", "error", {"training.eval_frequency": 21}, {"training.eval_frequency": 20}),
    ("patience-unit", "error", {"training.patience": 3}, {"training.patience": 5}),
    ("empty-corpus", "error", {"paths.dev": "empty.spacy"}, {}),
    ("empty-corpus", "error", {"paths.train": "empty.spacy"}, {}),
    ("label-only-in-dev", "warning", {"paths.train": "one.spacy"}, {}),
    ("label-only-in-train", "warning", {"paths.dev": "one.spacy"}, {}),
    ("dev-in-train", "warning", {"paths.dev": "train.spacy"}, {}),
    ("batch-size", "warning", {"training.batcher.size": 5000}, {"training.batcher.size": 500}),
    (
        "oversize",
        "warning",
        {"training.batcher.size": 12, "training.batcher.discard_oversize": True},
        {"training.batcher.size": 12},
    ),
    (
        "score-weights",
        "error",
        {"training.score_weights.ents_f": 0.0, "training.score_weights.cats_score": None},
        {"training.score_weights.ents_f": 0.0},
    ),
    (
        "all-frozen",
        "error",
        {"training.frozen_components": ["transformer", "xinzhi_ner", "xinzhi_cats"]},
        {"training.frozen_components": ["transformer"]},
    ),
    ("dropout", "warning", {"training.dropout": 0.6}, {"training.dropout": 0.5}),
    ("seed", "warning", {"training.seed": None}, {"training.seed": 0}),
]


@pytest.fixture
def findings(project: Path) -> Any:
    """A function: overrides of ours.cfg -> rule -> finding."""
    DocBin().to_disk(project / "empty.spacy")
    one = spacy.blank("zh").make_doc("北京好")
    one.cats = {"s/pos": 1.0, "s/neg": 0.0}
    DocBin(docs=[one]).to_disk(project / "one.spacy")

    def find(overrides: dict[str, Any], name: str = "ours.cfg") -> dict[str, Finding]:
        config = load_config(name, interpolate=False)
        for key, value in overrides.items():
            section: Any = config
            *path, last = key.split(".")
            for part in path:
                section = section[part]
            section[last] = value
        return {finding.rule: finding for finding in lint(config.interpolate())}

    return find


@pytest.mark.parametrize("name", ["ours.cfg", "stock.cfg"])
def test_a_clean_config(findings: Any, name: str) -> None:
    assert findings({}, name) == {}


@pytest.mark.parametrize("path", WHOLE, ids=lambda path: path.name)
def test_our_own_configs_are_clean(path: Path) -> None:
    assert lint(load_config(path, interpolate=True)) == []


@pytest.mark.parametrize(("rule", "level", "bad", "good"), CASES)
def test_rule(findings: Any, rule: str, level: str, bad: Any, good: Any) -> None:
    found = findings(bad)
    assert rule in found
    assert found[rule].level == level
    assert found[rule].fix
    assert found[rule].fact.endswith(".")
    assert rule not in findings(good)


def test_every_rule_is_tested() -> None:
    assert len(RULES) == 14
    assert len({rule for rule, *_ in CASES}) == 16  # three rules speak of two things


def test_stock_spacy_on_a_transformer(findings: Any) -> None:
    """The config of spaCy's discussion 11519: its quickstart's rate, kept for a transformer."""
    found = findings({f"{ENCODER}.lr_scale": 1.0, RATE: 0.001})
    assert "at a constant rate of 0.001" in found["transformer-rate"].fact
    assert "initial_rate = 5e-05" in found["transformer-rate"].fix
    assert "warm-up" not in found  # said once


def test_a_frozen_transformer_does_not_matter(findings: Any) -> None:
    found = findings({RATE: 0.001, "training.frozen_components": ["transformer"]})
    assert "transformer-rate" not in found


def test_evaluations_at_the_end_of_each_epoch(findings: Any) -> None:
    steps = {"training.eval_frequency": 99, "training.patience": 3}
    assert set(findings(steps)) == {"eval-frequency", "patience-unit"}
    assert findings({**steps, "run": {"evaluate_every_epoch": True}}) == {}


def test_the_fix_of_patience(findings: Any) -> None:
    fix = findings({"training.patience": 3})["patience-unit"].fix
    assert "Set it to 15 for 3 evaluations" in fix
    assert "--run.patience 3" in fix


def test_the_numbers_of_many_labels_are_cut(findings: Any, project: Path) -> None:
    docs = DocBin()
    for index in range(8):
        doc = spacy.blank("zh").make_doc(f"第{index}")
        doc.cats = {f"s/{index}": 1.0}
        docs.add(doc)
    docs.to_disk("many.spacy")
    fact = findings({"paths.dev": "many.spacy"})["label-only-in-dev"].fact
    assert "category s/4 and 3 more" in fact


def test_a_mixed_corpus_is_read(findings: Any, project: Path) -> None:
    write_corpus(project / "more.spacy", 3, first=500)
    reader = {"@readers": "xinzhi.Corpus.v1", "sources": {"a": {"path": "more.spacy"}}}
    assert "batch-size" in findings({"corpora.train": reader})


def test_a_broken_schedule_is_left_to_spacy(findings: Any) -> None:
    assert findings({f"{RATE}.@schedules": "nope.v1", "training.batcher.size": {"a": 1}}) == {}


def test_report(capsys: pytest.CaptureFixture[str]) -> None:
    findings = [
        Finding("a", ERROR, "x", "A.", "Fix a."),
        Finding("b", "warning", "x", "B.", "Fix b."),
    ]
    with pytest.raises(XinzhiError, match=r"^A\. \[a\]\n  Fix a\.\n.*--ignore-lint"):
        report_lint(findings, ignore=False)
    assert capsys.readouterr().out == "⚠ B.\n  Fix b. [b]\n"
    report_lint(findings, ignore=True)
    assert capsys.readouterr().out.count("⚠") == 2
    report_lint([], ignore=False)
    assert capsys.readouterr().out == ""
