"""Which entities move a score: known causes are found; the recipe of docs/productivity.md runs."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from spacy.language import Language
from spacy.training import Example
from typer.testing import CliRunner

from tests.components.helpers import annotated, blank, fresh, model, train
from xinzhi.cli import app
from xinzhi.components.metrics import spearman
from xinzhi.errors import XinzhiError
from xinzhi.evaluation.effects import compare_with_baselines, measure_effects
from xinzhi.evaluation.show_effects import effects_report

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "assets" / "productivity"
RESOURCES = {"甲": 3.0, "乙": 0.0, "丙": -3.0}
TECHNOLOGIES = {"子": 1.0, "丑": -1.0}


@pytest.fixture(scope="module")
def trained():
    sets = {"resources": ["资源"], "technologies": ["技术"], "l2": 1e-4}
    score = ("xinzhi_score", {"model": model("xinzhi.InteractionRegressor.v1", **sets)})
    nlp = blank("zh", score)
    examples = [
        annotated(
            nlp,
            f"用{r}加{t}。",
            ents=[(1, 2, "资源"), (3, 4, "技术")],
            scores={"y": 10 + RESOURCES[r] + TECHNOLOGIES[t]},
        )
        for r in RESOURCES
        for t in TECHNOLOGIES
    ]
    train(nlp, examples, steps=150)
    return nlp, examples


def test_known_effects_are_found_in_their_order(trained):
    nlp, examples = trained
    effects = measure_effects(nlp, examples, "y", least=2)
    assert {effect.entity for effect in effects[:2]} == {"甲", "丙"}
    found = {effect.entity: effect for effect in effects}
    assert found["甲"].effect > 1.5 > found["乙"].effect > -1.5 > found["丙"].effect
    assert found["子"].effect > 0 > found["丑"].effect
    assert found["甲"].documents == 2
    assert found["甲"].observed == pytest.approx(4.5)
    low, high = found["甲"].interval
    assert low <= found["甲"].effect <= high
    assert measure_effects(nlp, examples, "y", least=4) == []


def test_baselines(trained):
    nlp, examples = trained
    gold = [example.reference for example in examples]
    predicted = [type(eg)(nlp(eg.reference.copy()), eg.reference) for eg in examples]
    scores = compare_with_baselines(predicted, gold, "y")
    assert scores["mean"]["r2"] == pytest.approx(0)
    assert scores["labels"]["r2"] == pytest.approx(0)  # every document has one of each
    assert scores["entities"]["r2"] > 0.5
    assert scores["pipeline"]["r2"] > 0.9
    page = effects_report("y", measure_effects(nlp, examples, "y", 2), scores)
    assert page.startswith("# What moves y")
    assert "| 资源 | 甲 | 2 | +" in page


def test_scores_that_entities_do_not_move(trained):
    nlp, examples = trained
    with pytest.raises(XinzhiError, match="no score 'x'"):
        measure_effects(nlp, examples, "x")
    with pytest.raises(XinzhiError, match="carries the score 'x'"):
        compare_with_baselines(examples, [], "x")
    plain = blank("zh", ("xinzhi_score", {"model": model("xinzhi.DocRegressor.v1")}))
    train(plain, examples, steps=1)
    with pytest.raises(XinzhiError, match="does not look at entities"):
        measure_effects(plain, examples, "y")


def sample(nlp: Language, name: str) -> list[Example]:
    lines = (SAMPLE / f"{name}.jsonl").read_text(encoding="utf8").splitlines()
    rows = map(json.loads, lines)
    return [annotated(nlp, r["text"], ents=r["label"], scores=r["scores"]) for r in rows]


@pytest.mark.slow
def test_the_known_causes_of_the_sample_are_found_in_their_order() -> None:
    sets = {"resources": ["资源"], "technologies": ["技术"], "l2": 1e-3}
    nlp = blank("zh", ("xinzhi_score", {"model": model("xinzhi.InteractionRegressor.v1", **sets)}))
    examples = sample(nlp, "train")
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.005
    for step in range(120):
        batch = examples[step * 50 % len(examples) :][:50]
        nlp.update(fresh(nlp, batch), sgd=optimizer)
    effects = measure_effects(nlp, sample(nlp, "test"), "productivity")
    values = json.loads((SAMPLE / "effects.json").read_text(encoding="utf8"))
    found = {(effect.label, effect.entity): effect.effect for effect in effects}
    for label, names in values.items():
        got = [found[label, name] for name in names]
        order = spearman(np.array(list(names.values())), np.array(got))
        assert order is not None
        assert order > 0.8
        assert got[0] > 2
        assert got[-1] < -2


@pytest.mark.slow
def test_the_tutorial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_encoder: Callable[..., Path]
) -> None:
    text = (ROOT / "docs" / "productivity.md").read_text(encoding="utf8")
    monkeypatch.chdir(tmp_path)
    for name in ("assets", "configs"):
        Path(name).symlink_to(ROOT / name, target_is_directory=True)
    (block,) = re.findall(r"(?ms)<!-- tested -->\n```bash\n(.*?)^```", text)
    for line in block.replace("\\\n", " ").splitlines():
        program, *words = shlex.split(line, comments=True)
        assert program == "xinzhi"
        if words[0] == "train":
            words += ["--paths.encoder", str(tiny_encoder()), "--training.max_steps", "200"]
            words += ["--training.optimizer.learn_rate.total_steps", "200"]
            words += ["--components.transformer.model.lr_scale", "1.0"]
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, result.output
    found = json.loads(Path("metrics/productivity.json").read_text(encoding="utf8"))
    scores = found["scores"]
    assert set(scores) == {"pipeline", "mean", "labels", "entities"}
    assert all(row["n"] == 200 for row in scores.values())
    assert scores["entities"]["mae"] < 0.7 * scores["mean"]["mae"]
    assert scores["pipeline"]["mae"] < 1.1 * scores["mean"]["mae"]  # its encoder is random
    assert {effect["label"] for effect in found["effects"]} == {"资源", "技术"}
    page = Path("metrics/productivity.md").read_text(encoding="utf8")
    assert page.startswith("# What moves productivity")
    for effect in found["effects"]:
        assert f"| {effect['label']} | {effect['entity']} | {effect['documents']} |" in page
